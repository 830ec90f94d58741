//! Words for messages: counts with their nouns, and names that are safe to print.
//!
//! Everybody who composes a sentence imports this module, so a count agrees with its noun everywhere, and a name
//! that came from outside (a folder, a table, a zip) cannot move the cursor, recolour a terminal or hide half of itself.

use std::borrow::Cow;

/// Formats a count with its thousands separated: `8,389,120`.
pub fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Formats a count with its noun in the number that fits: `1 image`, `3 images`, `2 classes`, `2 entries`.
///
/// The plural is the regular one: `-es` after `s`, `x`, `sh` and `ch`, `-ies` for a `y` after a consonant.
pub fn counted(n: usize, noun: &str) -> String {
    let plural = || match noun.as_bytes() {
        [.., b's' | b'x'] | [.., b's' | b'c', b'h'] => format!("{noun}es"),
        [rest @ .., before, b'y'] if !b"aeiou".contains(before) => format!("{}ies", &noun[..=rest.len()]),
        _ => format!("{noun}s"),
    };
    format!("{} {}", thousands(n), if n == 1 { noun.to_owned() } else { plural() })
}

/// Escapes what a terminal would obey or hide: control characters, line and paragraph separators, and the marks that
/// turn the direction of writing, each as `\u{1b}`. All other text stays as it is, in any script.
///
/// Bidirectional marks are those of Unicode Technical Report 36, section 2.10: they make `a.gnp` read `a.png`.
pub fn printable(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(harmful) {
        return Cow::Borrowed(text);
    }
    let escaped = |c: char| if harmful(c) { c.escape_unicode().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(escaped).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1000, 1_146_243].map(thousands), ["0", "999", "1,000", "1,146,243"]);
    }

    #[test]
    fn a_noun_agrees_with_its_count() {
        assert_eq!(counted(0, "image"), "0 images");
        assert_eq!(counted(1, "image"), "1 image");
        assert_eq!(counted(1200, "image"), "1,200 images");
        assert_eq!(
            ["class", "batch", "entry", "day", "box"].map(|noun| counted(2, noun)),
            ["2 classes", "2 batches", "2 entries", "2 days", "2 boxes"]
        );
        assert_eq!(counted(1, "class"), "1 class");
    }

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        assert_eq!(printable("a\u{1b}[31mred\nb"), "a\\u{1b}[31mred\\u{a}b");
        assert_eq!(printable("x\u{202e}gnp.a"), "x\\u{202e}gnp.a");
        assert_eq!(printable("Säugetier 猫 \u{1f408}"), "Säugetier 猫 \u{1f408}");
        assert!(matches!(printable("cat"), Cow::Borrowed("cat")));
    }
}
