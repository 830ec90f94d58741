//! Words for messages: counts with their nouns.
//!
//! Every module that composes a sentence imports this one, so a count agrees with its noun everywhere. [`guess`]
//! suggests the known word that was probably meant by an unknown one.

pub mod guess;

/// Formats a count with its thousands separated: `8,389,120`.
pub fn thousands(n: impl TryInto<u128>) -> String {
    let digits = n.try_into().map_or_else(|_| "0".to_owned(), |n| n.to_string());
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
/// The plural is the regular one: `-es` after `s`, `x`, `sh` and `ch` (but `epochs`, where it sounds as `k`), `-ies`
/// for a `y` after a consonant.
pub fn counted(n: usize, noun: &str) -> String {
    let plural = || match noun.as_bytes() {
        [.., b'e', b'p', b'o', b'c', b'h'] => format!("{noun}s"),
        [.., b's' | b'x'] | [.., b's' | b'c', b'h'] => format!("{noun}es"),
        [rest @ .., before, b'y'] if !b"aeiou".contains(before) => format!("{}ies", &noun[..=rest.len()]),
        _ => format!("{noun}s"),
    };
    format!("{} {}", thousands(n), if n == 1 { noun.to_owned() } else { plural() })
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
            ["class", "batch", "entry", "day", "box", "epoch"].map(|noun| counted(2, noun)),
            ["2 classes", "2 batches", "2 entries", "2 days", "2 boxes", "2 epochs"]
        );
        assert_eq!(counted(1, "class"), "1 class");
    }
}
