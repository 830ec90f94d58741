//! Sentences that follow the numbers.

/// A share in percent with one decimal: `73.4 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A count with thousands separated: `8,389,120`.
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

/// A number with its noun: `1 picture`, `3 pictures`.
pub fn counted(n: usize, noun: &str) -> String {
    format!("{} {noun}{}", thousands(n), if n == 1 { "" } else { "s" })
}

/// The text of a top-level function of a Rust source, for a report that shows the code it speaks of.
///
/// # Panics
///
/// If the source has no such function: the two are one file.
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

/// A p-value as it is usually given.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".into() } else { format!("p = {p:.3}") }
}

/// The most confused pairs as sentences, at most `most` of them.
pub fn confused(confusion: &crate::analysis::metrics::Confusion, classes: &[String], most: usize) -> Vec<String> {
    confusion.most_confused().iter().take(most).map(|&pair| confused_pair(confusion, classes, pair)).collect()
}

/// A pair of classes that is confused, `(truth, answer, count)`, as a sentence.
pub fn confused_pair(
    confusion: &crate::analysis::metrics::Confusion,
    classes: &[String],
    (truth, answer, count): (usize, usize, usize),
) -> String {
    let all = confusion.support(truth);
    let share = percent(count as f64 / all as f64);
    format!("{} taken for {}: {count} of {all} ({share})", classes[truth], classes[answer])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_in_print() {
        assert_eq!(thousands(8_389_120), "8,389,120");
        assert_eq!(thousands(640), "640");
        assert_eq!(percent(0.7342), "73.4 %");
        assert_eq!(counted(1, "picture"), "1 picture");
        assert_eq!(listed(&["a".into(), "b".into(), "c".into()]), "a, b and c");
        assert_eq!(p_value(0.0004), "p < 0.001");
    }
}
