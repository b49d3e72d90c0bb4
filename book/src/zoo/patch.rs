//! One bug of the zoo: a patch, and what there is to know about it.
//!
//! ```text
//! Bug: the writer wakes the waiters before the sync
//! Breaks: G5
//! Lens: power cut
//! Killed-by: stage02 crash no_answer_before_the_sync
//! Sync: yes
//! Story: How one comes to write this, and what it costs.
//!
//! --- a/stage02-fsync-batching/src/writer.rs
//! +++ b/stage02-fsync-batching/src/writer.rs
//! @@ …
//! ```
//!
//! `Sync: yes` marks a bug that is a missing sync. Everything else is required; a value goes on in the lines below it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// The ways to look at a log that find bugs.
pub const LENSES: [&str; 10] = [
    "kill",
    "power cut",
    "torn write",
    "bit flip",
    "failed sync",
    "full disk",
    "model",
    "concurrency",
    "hostile input",
    "reading",
];

/// A bug.
#[derive(Clone, Debug)]
pub struct Patch {
    /// The file's name without `.patch`.
    pub name: String,
    /// The mistake, in one line.
    pub bug: String,
    /// The invariant that it breaks.
    pub breaks: String,
    /// The lens that sees it: one of [`LENSES`].
    pub lens: String,
    /// The test that must fail.
    pub killed_by: TestName,
    /// How one comes to write it, and what it costs.
    pub story: String,
    /// Whether it is a missing sync.
    pub is_sync: bool,
    /// The file that it changes, relative to the workspace.
    pub file: PathBuf,
    diff: String,
}

/// A test, as `cargo test -p PACKAGE --test TARGET` runs it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TestName {
    /// The package.
    pub package: String,
    /// The target, or `lib` for the tests inside the library.
    pub target: String,
    /// The test's path in the target.
    pub test: String,
}

impl fmt::Display for TestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.package, self.target, self.test)
    }
}

impl Patch {
    /// Reads a patch.
    ///
    /// # Errors
    ///
    /// It cannot be read, lacks a line of its head, or is no diff of one file.
    pub fn read(path: &Path) -> Result<Patch> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Patch::parse(&name, &text).with_context(|| path.display().to_string())
    }

    /// All patches in a folder, by name. No folder holds none.
    pub fn read_all(folder: &Path) -> Result<Vec<Patch>> {
        let mut paths = Vec::new();
        if folder.is_dir() {
            for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
                paths.push(entry?.path());
            }
        }
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "patch"));
        paths.sort();
        paths.iter().map(|path| Patch::read(path)).collect()
    }

    /// Reads the text of a patch.
    pub fn parse(name: &str, text: &str) -> Result<Patch> {
        let start = text.find("--- a/").context("it has no line `--- a/FILE`")?;
        let (head, diff) = text.split_at(start);
        let mut head = fields(head)?;
        let mut take = |key: &str| head.remove(key).with_context(|| format!("its head lacks the line `{key}: …`"));
        let (bug, breaks, lens, story) = (take("Bug")?, take("Breaks")?, take("Lens")?, take("Story")?);
        ensure!(LENSES.contains(&lens.as_str()), "there is no lens `{lens}`; the lenses are {}", LENSES.join(", "));
        let killed_by = take("Killed-by")?;
        let is_sync = head.remove("Sync").is_some_and(|word| word == "yes");
        if let Some((unknown, _)) = head.first_key_value() {
            bail!("its head has a line `{unknown}: …`, which means nothing");
        }
        let [package, target, test] = killed_by.split_whitespace().collect::<Vec<_>>()[..] else {
            bail!("`Killed-by: {killed_by}` does not name a package, a target and a test");
        };
        let killed_by = TestName { package: package.into(), target: target.into(), test: test.into() };
        let file = one_file(diff)?;
        diffy::Patch::from_str(diff).context("its diff cannot be understood")?;
        Ok(Patch { name: name.into(), bug, breaks, lens, killed_by, story, is_sync, file, diff: diff.into() })
    }

    /// The file that it changes, relative to the package that it is in.
    pub fn file_in_package(&self) -> Result<PathBuf> {
        let mut parts = self.file.components();
        parts.next();
        ensure!(parts.as_path().components().next().is_some(), "{} is in no package", self.file.display());
        Ok(parts.as_path().to_owned())
    }

    /// The text with the bug in it.
    ///
    /// # Errors
    ///
    /// The text has changed where the patch changes it: the patch is stale.
    pub fn apply(&self, text: &str) -> Result<String> {
        let diff = diffy::Patch::from_str(&self.diff).context("its diff cannot be understood")?;
        diffy::apply(text, &diff).with_context(|| {
            format!("the bug `{}` no longer fits {}: make the patch anew", self.name, self.file.display())
        })
    }

    /// The lines that it takes away.
    pub fn removed_lines(&self) -> impl Iterator<Item = &str> {
        self.diff.lines().filter(|line| !line.starts_with("---")).filter_map(|line| line.strip_prefix('-'))
    }

    /// The diff itself.
    pub fn diff(&self) -> &str {
        &self.diff
    }
}

/// The lines `Key: value` of a head. A line that does not begin with a key belongs to the value above it.
fn fields(head: &str) -> Result<BTreeMap<String, String>> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in head.lines().filter(|line| !line.trim().is_empty()) {
        let key = line.split_once(": ").filter(|(key, _)| key.chars().all(|c| c.is_ascii_alphabetic() || c == '-'));
        match (key, fields.last_mut()) {
            (Some((key, value)), _) if key.starts_with(|c: char| c.is_ascii_uppercase()) => {
                fields.push((key.to_string(), value.trim().to_string()));
            }
            (_, Some((_, value))) => *value = format!("{value} {}", line.trim()),
            (_, None) => bail!("its head begins with `{line}` and not with `Bug: …`"),
        }
    }
    Ok(fields.into_iter().collect())
}

/// The one file that a diff changes.
fn one_file(diff: &str) -> Result<PathBuf> {
    let mut names = diff.lines().filter_map(|line| line.strip_prefix("+++ b/"));
    let (name, more) = (names.next().context("it has no line `+++ b/FILE`")?, names.next());
    ensure!(more.is_none(), "it changes more than one file");
    let path = PathBuf::from(name.trim_end());
    let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    ensure!(is_inside, "{} is outside of the workspace", path.display());
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
Bug: it forgets
Breaks: G1
Lens: power cut
Killed-by: stage02 crash a_test
Story: One writes this: quickly,
and regrets it.

--- a/stage02-x/src/lib.rs
+++ b/stage02-x/src/lib.rs
@@ -1,3 +1,2 @@
 fn f() {
-    sync();
 }
";

    #[test]
    fn a_patch_says_what_it_is_and_plants_its_bug() {
        let patch = Patch::parse("forgets", TEXT).unwrap();
        assert_eq!((patch.bug.as_str(), patch.breaks.as_str(), patch.lens.as_str()), ("it forgets", "G1", "power cut"));
        assert_eq!(patch.story, "One writes this: quickly, and regrets it.");
        assert_eq!(patch.killed_by.to_string(), "stage02 crash a_test");
        assert_eq!(patch.file_in_package().unwrap(), Path::new("src/lib.rs"));
        assert_eq!(patch.removed_lines().collect::<Vec<_>>(), ["    sync();"]);
        assert!(!patch.is_sync);
        assert_eq!(patch.apply("// new\n\nfn f() {\n    sync();\n}\n").unwrap(), "// new\n\nfn f() {\n}\n");
    }

    #[test]
    fn a_stale_patch_says_so() {
        let patch = Patch::parse("forgets", TEXT).unwrap();
        let said = format!("{:#}", patch.apply("fn f() {\n    other();\n}\n").unwrap_err());
        assert!(said.contains("`forgets` no longer fits stage02-x/src/lib.rs"), "{said}");
    }

    #[test]
    fn what_a_patch_lacks_is_said() {
        for (from, to, complaint) in [
            ("Breaks: G1\n", "", "lacks the line `Breaks"),
            ("power cut", "moon", "there is no lens `moon`"),
            ("stage02 crash a_test", "crash", "does not name a package"),
            ("Bug: it forgets\n", "Bug: it forgets\nMood: sad\n", "`Mood: …`"),
            ("b/stage02-x", "b/../x", "outside"),
            ("--- a/", "", "no line `--- a/FILE`"),
        ] {
            let said = format!("{:#}", Patch::parse("x", &TEXT.replacen(from, to, 1)).unwrap_err());
            assert!(said.contains(complaint), "{from}: {said}");
        }
    }
}
