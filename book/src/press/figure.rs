//! The HTML around what the book inserts: a figure with a caption and an anchor.

use std::path::Path;

use crate::html::escape;
use crate::press::fold::Folded;
use crate::source::library::Quote;

/// A word for an `id`: letters, digits, `_` and `-`.
pub(crate) fn anchor(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// A figure of raw HTML. Markdown ends raw HTML at an empty line, so there is none in it.
pub(crate) fn html_figure(class: &str, id: &str, body: &str, caption: &str) -> String {
    let body: Vec<&str> = body.lines().filter(|line| !line.trim().is_empty()).collect();
    let caption = if caption.is_empty() { String::new() } else { format!("\n<figcaption>{caption}</figcaption>") };
    format!("<figure class=\"{class}\" id=\"{id}\">\n{}{caption}\n</figure>", body.join("\n"))
}

/// A quoted item: a caption that names and links the place, and the code as a block of Rust; with a second block that is
/// folded, if bodies in the item are exercises.
pub(crate) fn code_figure(quote: &Quote, folded: Option<&Folded>, id: &str, repository: Option<&str>) -> String {
    let Quote { file, lines: (first, last), within, .. } = quote;
    let place = format!("<code>{}:{first}</code>", escape(&file.display().to_string()));
    let place = match repository {
        Some(url) => format!("<a href=\"{}\">{place}</a>", source_url(url, file, *first, *last)),
        None => place,
    };
    let within = within.as_ref().map(|head| format!(" <span class=\"within\">in <code>{}</code></span>", escape(head)));
    let within = within.unwrap_or_default();
    let head = format!("<figure class=\"quote\" id=\"{id}\">\n<figcaption>{place}{within}</figcaption>");
    match folded {
        None => format!("{head}\n\n{}\n\n</figure>", code_block(&quote.code)),
        Some(Folded { shown, summary, hidden }) => format!(
            "{head}\n\n{}\n\n<details class=\"body\">\n<summary>{summary}</summary>\n\n{}\n\n</details>\n\n</figure>",
            code_block(shown),
            code_block(hidden)
        ),
    }
}

/// Rust, as a block of Markdown.
fn code_block(code: &str) -> String {
    // Longer than any row of back quotes in the code, so that the code cannot end the block.
    let fence = "`".repeat(longest_run(code, '`').max(2) + 1);
    format!("{fence}rust,noplayground\n{code}\n{fence}")
}

/// The lines of a file on the repository's web page.
fn source_url(repository: &str, file: &Path, first: usize, last: usize) -> String {
    let path = escape(&file.display().to_string());
    format!("{}/blob/HEAD/{path}#L{first}-L{last}", escape(repository.trim_end_matches('/')))
}

fn longest_run(text: &str, mark: char) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for c in text.chars() {
        run = if c == mark { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn quote(code: &str) -> Quote {
        Quote {
            path: "stage01::naive::append".into(),
            code: code.into(),
            numbers: (7..).take(code.lines().count()).collect(),
            file: PathBuf::from("stage01-naive-file/src/naive.rs"),
            lines: (7, 9),
            within: Some("impl<F> Log for NaiveLog<F>".into()),
        }
    }

    #[test]
    fn a_caption_links_the_lines_once_the_repository_is_known() {
        let without = code_figure(&quote("fn a() {}"), None, "item-a", None);
        assert!(without.contains("<figcaption><code>stage01-naive-file/src/naive.rs:7</code>"), "{without}");
        assert!(without.contains("in <code>impl&lt;F&gt; Log for NaiveLog&lt;F&gt;</code>"), "{without}");
        assert!(!without.contains("href"), "{without}");
        let with = code_figure(&quote("fn a() {}"), None, "item-a", Some("https://example.org/log/"));
        let href = "href=\"https://example.org/log/blob/HEAD/stage01-naive-file/src/naive.rs#L7-L9\"";
        assert!(with.contains(href), "{with}");
    }

    #[test]
    fn code_with_a_fence_in_it_stays_in_its_block() {
        let figure = code_figure(&quote("const A: &str = \"\n```\n\";"), None, "item-a", None);
        assert!(figure.contains("\n````rust,noplayground\n"), "{figure}");
    }
}
