//! What everything that writes HTML needs.

/// Text as HTML text or as a quoted attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}

/// Text in which back quotes mark code, as HTML.
pub(crate) fn with_code(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    let mut out = String::with_capacity(text.len());
    for (number, piece) in pieces.iter().enumerate() {
        match number % 2 {
            0 => out.push_str(&escape(piece)),
            // The last back quote has no partner: it is one.
            _ if number + 1 == pieces.len() => out.extend(["`", &escape(piece)]),
            _ => out.extend(["<code>", &escape(piece), "</code>"]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::with_code;

    #[test]
    fn back_quotes_mark_code_in_pairs() {
        assert_eq!(with_code("`a<b` & `c`"), "<code>a&lt;b</code> &amp; <code>c</code>");
        assert_eq!(with_code("one ` alone"), "one ` alone");
    }
}
