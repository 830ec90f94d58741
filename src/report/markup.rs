//! Converts texts to HTML: escapes them and renders `` `code` ``, `**strong**` and `*emphasis*`.

use std::fmt::Write;

/// Escapes a text for HTML and SVG, inside elements and inside quoted attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // not allowed in XML at all
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Escapes, then turns `` `code` ``, `**strong**` and `*emphasis*` into their elements. Marks without a partner stay
/// as they are.
pub(crate) fn inline(text: &str) -> String {
    let mut out = String::new();
    for (i, part) in text.split('`').enumerate() {
        let is_last = text.split('`').count() == i + 1;
        match (i % 2, is_last) {
            (1, false) => {
                let _ = write!(out, "<code>{}</code>", escape(part));
            }
            (1, true) => {
                let _ = write!(out, "`{}", emphasis(&escape(part)));
            }
            _ => out.push_str(&emphasis(&escape(part))),
        }
    }
    out
}

/// Turns `**strong**` and `*emphasis*` into their elements in a text that is already escaped. A star between blanks
/// (2 * 3) is not a mark.
fn emphasis(text: &str) -> String {
    let strong = paired(text, "**", "strong");
    paired(&strong, "*", "em")
}

fn paired(text: &str, mark: &str, tag: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(mark) {
        let inside = &rest[start + mark.len()..];
        let opens = !inside.starts_with([' ', '*']);
        let end = inside.find(mark).filter(|&e| opens && e > 0 && !inside[..e].ends_with(' '));
        match end {
            Some(end) => {
                let _ = write!(out, "{}<{tag}>{}</{tag}>", &rest[..start], &inside[..end]);
                rest = &inside[end + mark.len()..];
            }
            None => {
                out.push_str(&rest[..start + mark.len()]);
                rest = inside;
            }
        }
    }
    out + rest
}
