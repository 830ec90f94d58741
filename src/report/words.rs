//! Formats numbers, and the short sentences that several reports fraction.

pub use crate::text::{counted, thousands};

/// Returns a fraction in percent with one decimal: `73.4 %`.
pub fn percent(fraction: f64) -> String {
    format!("{:.1} %", 100.0 * fraction)
}

/// Returns a difference of fractions in percentage points with one decimal and a real minus sign, never `-0.0`: `8.7`,
/// `−3.0`.
pub fn points(difference: f64) -> String {
    let text = format!("{:.1}", 100.0 * difference);
    if text == "-0.0" { "0.0".into() } else { text.replace('-', "−") }
}

/// Returns the text of a top-level function of a Rust source, for a report that shows its code.
///
/// # Panics
///
/// If the source has no such function.
pub fn function<'a>(source: &'a str, name: &str) -> &'a str {
    let start =
        source.find(&format!("\nfn {name}(")).unwrap_or_else(|| panic!("no function {name} in this source")) + 1;
    let text = &source[start..];
    &text[..text.find("\n}\n").map_or(text.len(), |end| end + 2)]
}

/// Names joined as in speech: `a, b and c`.
pub fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Returns a p-value as it is usually given.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".into() } else { format!("p = {p:.3}") }
}

/// Returns the most confused pairs as sentences, at most `most` of them.
pub fn confused(confusion: &crate::analysis::metrics::Confusion, classes: &[String], most: usize) -> Vec<String> {
    confusion.most_confused().iter().take(most).map(|&pair| confused_pair(confusion, classes, pair)).collect()
}

/// Returns a pair of classes that is confused, `(true class, prediction, count)`, as a sentence.
pub fn confused_pair(
    confusion: &crate::analysis::metrics::Confusion,
    classes: &[String],
    (label, predicted, count): (usize, usize, usize),
) -> String {
    let all = confusion.support(label);
    let fraction = percent(count as f64 / all as f64);
    format!("{} predicted as {}: {count} of {all} ({fraction})", classes[label], classes[predicted])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_in_print() {
        assert_eq!(thousands(8_389_120), "8,389,120");
        assert_eq!(thousands(640), "640");
        assert_eq!(percent(0.7342), "73.4 %");
        assert_eq!([0.087, -0.03, -0.0002, 0.0].map(points), ["8.7", "−3.0", "0.0", "0.0"]);
        assert_eq!((counted(1, "image"), counted(2, "image")), ("1 image".into(), "2 images".into()));
        assert_eq!(listed(&["a".into(), "b".into(), "c".into()]), "a, b and c");
        assert_eq!(p_value(0.0004), "p < 0.001");
    }
}
