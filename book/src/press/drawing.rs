//! Inlines the drawings, so that they take the colours of the page.

use std::fs;
use std::path::Path;

use crate::html::escape;
use crate::source::nearest::nearest;

/// The drawing at `path` as an element of the page, with `alt` as its text.
///
/// # Errors
///
/// A sentence for the author: the file is missing, or is no SVG that can be inlined.
pub(crate) fn inline(path: &Path, alt: &str) -> Result<String, String> {
    let text = fs::read_to_string(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => format!("there is no such drawing{}", neighbour(path)),
        _ => format!("cannot read the drawing: {e}"),
    })?;
    let start = text.find("<svg").ok_or("the file has no `<svg` in it")?;
    let svg = text[start..].trim_end();
    let head_end = svg.find('>').ok_or("the tag `<svg` is not closed")?;
    let head = &svg[..head_end];
    if !head.contains("viewBox=") {
        return Err("the drawing has no `viewBox`, so it cannot shrink to a phone's width".to_string());
    }
    if head.contains("role=") || head.contains("aria-label=") {
        return Err("the drawing sets `role` or `aria-label`; the directive does that".to_string());
    }
    if !svg.ends_with("</svg>") {
        return Err("the file does not end with `</svg>`".to_string());
    }
    Ok(format!("<svg role=\"img\" aria-label=\"{}\"{}", escape(alt), &svg["<svg".len()..]))
}

/// The drawing of the same folder whose name is most like the missing one.
fn neighbour(path: &Path) -> String {
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let entries = path.parent().and_then(|folder| fs::read_dir(folder).ok());
    let names: Vec<String> = entries.into_iter().flatten().flatten().map(|entry| name(&entry.path())).collect();
    let near = nearest(&name(path), names.iter().map(String::as_str));
    near.map(|near| format!("; the nearest is `{near}`")).unwrap_or_default()
}
