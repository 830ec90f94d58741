//! Sentences about support vector regressions, as functions of numbers.

use crate::report::chart::number;
use crate::report::words::{percent, thousands};

/// How many of `n` training samples the prediction of number `name` rests on, and what the others are. `at_bound` of the support
/// vectors have the largest coefficient that C allows.
pub fn vectors(name: &str, vectors: usize, n: usize, at_bound: usize, epsilon: f64) -> String {
    let within = format!("{} standard deviations", number(epsilon));
    if vectors == 0 {
        return format!(
            "All {} training samples lie within {within} of one value of {name}, which is predicted everywhere.",
            thousands(n)
        );
    }
    let fraction = percent(vectors as f64 / n as f64);
    let rest = if vectors == n {
        "no training sample is predicted within".to_owned()
    } else {
        format!("the other {} are predicted within", thousands(n - vectors))
    };
    let bound = match at_bound {
        0 => "None of them has reached the bound C: a larger C would change nothing".to_owned(),
        k => format!("{} of them have reached the bound C, beyond which an error pulls no harder", thousands(k)),
    };
    format!(
        "The prediction of {name} rests on {} support vectors, {fraction} of the training samples; {rest} {within}. {bound}.",
        thousands(vectors)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn support_vectors_are_counted() {
        let some = vectors("y", 250, 1000, 40, 0.1);
        assert!(some.contains("250 support vectors, 25.0 % of the training samples; the other 750"), "{some}");
        assert!(some.contains("40 of them have reached the bound C"), "{some}");
        assert!(vectors("y", 250, 1000, 0, 0.1).contains("None of them has reached the bound C"));
        assert!(vectors("y", 1000, 1000, 0, 0.0).contains("no training sample is predicted within"));
        assert!(vectors("y", 0, 1000, 0, 2.0).starts_with("All 1,000 training samples lie within 2"));
    }
}
