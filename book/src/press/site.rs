//! What is checked in the pages that were made: what a reader would run into.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};

use crate::press::expand::Press;
use crate::press::page::{Page, css_requests};
use crate::press::problem::Problem;
use crate::source::nearest::nearest;

/// Pages that no reader reads: the one for printing repeats the others, and a server alone shows the one for errors.
const NOT_READ: [&str; 2] = ["print.html", "404.html"];

/// The pages and style sheets that were made.
pub(crate) struct Site {
    root: PathBuf,
    pages: BTreeMap<PathBuf, Page>,
    styles: BTreeMap<PathBuf, Vec<String>>,
}

impl Site {
    /// Reads every page below `root`.
    pub(crate) fn read(root: &Path) -> Result<Site> {
        let mut site = Site { root: root.to_owned(), pages: BTreeMap::new(), styles: BTreeMap::new() };
        for path in files(root)? {
            let read =
                || fs::read_to_string(root.join(&path)).with_context(|| format!("cannot read {}", path.display()));
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("html") => drop(site.pages.insert(path.clone(), Page::read(&read()?))),
                Some("css") => drop(site.styles.insert(path.clone(), css_requests(&read()?))),
                _ => {}
            }
        }
        Ok(site)
    }

    /// How many pages there are to read.
    pub(crate) fn pages(&self) -> usize {
        self.pages.keys().filter(|path| !is_not_read(path)).count()
    }

    /// All that is wrong with the pages.
    pub(crate) fn check(&self, press: &Press) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut used = press.drawn.clone();
        for (path, page) in &self.pages {
            let outside = page.requests.iter().filter(|target| is_outside(target));
            problems.extend(
                outside.map(|target| press.blame(path, target, format!("the page loads `{target}` from the network"))),
            );
            let here = page.requests.iter().chain(&page.links).filter_map(|target| resolve(path, target));
            used.extend(here.map(|(file, _)| file));
            // The first page is there twice, under its own name and as `index.html`.
            if is_not_read(path)
                || (path == Path::new("index.html") && !press.written.contains_key(Path::new("index.md")))
            {
                continue;
            }
            problems.extend(
                page.mute
                    .iter()
                    .map(|image| press.blame(path, image, format!("the image `{image}` has no alternative text"))),
            );
            problems.extend(
                page.ids_twice.iter().map(|id| press.blame(path, id, format!("two places have the name `{id}`"))),
            );
            problems.extend(page.links.iter().filter_map(|link| Some(press.blame(path, link, self.dead(path, link)?))));
        }
        for (path, requests) in &self.styles {
            let outside = requests.iter().filter(|target| is_outside(target));
            problems.extend(outside.map(|target| {
                Problem::in_file(
                    path.display().to_string(),
                    format!("the style sheet loads `{target}` from the network"),
                )
            }));
        }
        problems.extend(self.unused(press, &used));
        problems
    }

    /// What is wrong with a link, if it is dead.
    fn dead(&self, page: &Path, link: &str) -> Option<String> {
        let (file, fragment) = resolve(page, link)?;
        if !self.root.join(&file).is_file() {
            return Some(format!("the link `{link}` leads nowhere: there is no `{}`", file.display()));
        }
        let fragment = fragment.filter(|fragment| !fragment.is_empty())?;
        let target = self.pages.get(&file)?;
        if target.ids.contains(&fragment) {
            return None;
        }
        let near = nearest(&fragment, target.ids.iter().map(String::as_str));
        let near = near.map(|near| format!("; the nearest is `#{near}`")).unwrap_or_default();
        Some(format!("the link `{link}` leads nowhere: `{}` has no place `#{fragment}`{near}", file.display()))
    }

    /// Files among the chapters that no page shows, loads or links.
    fn unused(&self, press: &Press, used: &BTreeSet<PathBuf>) -> Vec<Problem> {
        let all = files(&press.chapters).unwrap_or_default();
        let loose = all.into_iter().filter(|path| path.extension().is_none_or(|extension| extension != "md"));
        let loose = loose.filter(|path| !used.contains(path));
        loose.map(|path| Problem::in_file(press.named(&path), "no chapter uses this file")).collect()
    }
}

impl Press {
    /// The name of a chapter's file in messages.
    fn named(&self, path: &Path) -> String {
        self.chapters_name.join(path).display().to_string()
    }

    /// Puts a problem of a page down to the line of the chapter that caused it, as far as that can be told.
    fn blame(&self, page: &Path, culprit: &str, what: String) -> Problem {
        let chapter = page.with_extension("md");
        let Some(text) = self.written.get(&chapter) else {
            return Problem::in_file(page.display().to_string(), what);
        };
        let written = culprit.replace(".html", ".md");
        // A directive has its own messages, with its own line.
        let is_cause = |line: &str| !line.contains("{{#") && (line.contains(culprit) || line.contains(&written));
        let line = text.lines().position(is_cause);
        Problem { file: self.named(&chapter), line: line.map(|line| line + 1), what }
    }
}

fn is_not_read(path: &Path) -> bool {
    NOT_READ.iter().any(|name| path == Path::new(name))
}

/// Whether an address leads away from the book, by a scheme or a host.
fn is_outside(target: &str) -> bool {
    let scheme = target.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+.-".contains(c))
    });
    target.starts_with("//") || (scheme && !target.starts_with("data:"))
}

/// The file that a link on `page` names, and the place in it; `None` for links that lead out of the book.
fn resolve(page: &Path, link: &str) -> Option<(PathBuf, Option<String>)> {
    if is_outside(link) || link.starts_with("data:") {
        return None;
    }
    let (file, fragment) = link.split_once('#').map_or((link, None), |(file, fragment)| (file, Some(decode(fragment))));
    let file = decode(file.split('?').next().unwrap_or(""));
    if file.is_empty() {
        return Some((page.to_owned(), fragment));
    }
    let joined = page.parent().unwrap_or(Path::new("")).join(&file);
    let mut plain = PathBuf::new();
    for part in joined.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    if file.ends_with('/') {
        plain.push("index.html");
    }
    Some((plain, fragment))
}

/// Undoes `%20` and the like.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let coded = text.get(text.len() - tail.len()..text.len() - tail.len() + 2).filter(|_| *first == b'%');
        match coded.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every file below `root`, relative to it, sorted.
fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        for entry in fs::read_dir(&path).with_context(|| format!("cannot list {}", path.display()))? {
            let entry = entry?;
            let relative = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() { folders.push(relative) } else { found.push(relative) }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_resolved_as_a_browser_does() {
        let to =
            |link| resolve(Path::new("part/one.html"), link).map(|(file, place)| (file.display().to_string(), place));
        assert_eq!(to("two.html#a"), Some(("part/two.html".into(), Some("a".into()))));
        assert_eq!(to("../three.html?q=1"), Some(("three.html".into(), None)));
        assert_eq!(to("#caf%C3%A9"), Some(("part/one.html".into(), Some("café".into()))));
        for outside in ["https://example.org/", "//example.org/a", "mailto:a@example.org", "data:image/png;base64,AA=="]
        {
            assert_eq!(to(outside), None, "{outside}");
        }
    }
}
