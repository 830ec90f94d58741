//! Sentences about random forests, as functions of numbers.

use crate::report::words::thousands;

/// How large the trees of number `name` are: `leaves` of a tree on average, grown on `n` drawn samples.
pub fn trees(name: &str, trees: usize, depth: f64, leaves: f64, n: usize) -> String {
    let mean = match trees {
        1 => format!("{name} is predicted by one tree, whose depth is {depth:.0}"),
        _ => format!("{name} is predicted by the mean of {} trees, whose mean depth is {depth:.1}", thousands(trees)),
    };
    if leaves <= 1.0 {
        return format!("{mean}: no split lowered the squared error, so the prediction is the same everywhere.");
    }
    format!("{mean}; a leaf holds {:.1} of the {} drawn samples on average.", n as f64 / leaves, thousands(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_described_by_their_size() {
        let words = trees("y", 100, 14.26, 500.0, 1250);
        assert_eq!(
            words,
            "y is predicted by the mean of 100 trees, whose mean depth is 14.3; a leaf holds 2.5 of the 1,250 drawn samples on average."
        );
        assert!(
            trees("y", 1, 3.0, 8.0, 80).starts_with("y is predicted by one tree, whose depth is 3; a leaf holds 10.0")
        );
        assert!(trees("y", 100, 0.0, 1.0, 50).contains("the same everywhere"));
    }
}
