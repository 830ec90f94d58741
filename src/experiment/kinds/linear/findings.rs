//! Sentences about linear models, as functions of numbers.

use crate::report::chart::number;
use crate::report::words::listed;

/// Most columns that a sentence names.
const NAMED: usize = 10;

/// The first columns of many.
fn some(columns: &[String]) -> String {
    match columns.split_at_checked(NAMED) {
        Some((first, rest)) if !rest.is_empty() => format!("{} and {} more", first.join(", "), rest.len()),
        _ => listed(columns),
    }
}

/// Which columns relevance determination kept for number `name`, and which it took out. `least` is the standard deviation of a
/// weight's prior below which a column is taken out.
pub fn kept(name: &str, relevant: &[String], out: &[String], least: f64) -> String {
    let all = relevant.len() + out.len();
    if out.is_empty() {
        return format!("For {name}, ARD took out none of the {all} columns.");
    }
    let reason = format!("the standard deviation of their weights' priors fell below {} (standardized)", number(least));
    if relevant.is_empty() {
        return format!("For {name}, ARD took out all {all} columns and predicts the mean: {reason}.");
    }
    format!(
        "For {name}, ARD kept {} of {all} columns ({}) and took out {}: {reason}.",
        relevant.len(),
        some(relevant),
        some(out)
    )
}

/// Which of the columns that were kept have a weight whose 95 % interval does not hold 0.
pub fn clear(name: &str, clear: &[String], relevant: usize) -> Option<String> {
    if relevant == 0 {
        return None;
    }
    Some(match clear.len() {
        0 => format!("No 95 % interval of an ARD weight for {name} excludes 0."),
        n if n == relevant => format!("The 95 % intervals of all kept ARD weights for {name} exclude 0."),
        _ => format!("Of the kept ARD weights for {name}, the 95 % interval excludes 0 for {}.", some(clear)),
    })
}

/// Why least squares has no standard errors of `d` weights, if it has none.
pub fn no_standard_errors(name: &str, rank: usize, d: usize, degrees_of_freedom: usize) -> Option<String> {
    if rank == d && degrees_of_freedom > 0 {
        return None;
    }
    let why = if rank < d {
        format!("only {rank} of its {d} columns are linearly independent on the training split")
    } else {
        format!("the training split has no more samples than the {d} weights and the intercept need")
    };
    Some(format!("The OLS weights for {name} are not unique or have no standard error: {why}."))
}

/// The mean squared errors of both methods on `n` test samples, and whether they differ: `interval` is that of 95 % of OLS minus
/// ARD.
pub fn beside(name: &str, ols: f64, ard: f64, [low, high]: [f64; 2], n: usize) -> String {
    let figures = format!(
        "mean squared error of {name} {} by OLS, {} by ARD; difference {} with a 95 % interval from {} to {}, n = {n}",
        number(ols),
        number(ard),
        number(ols - ard),
        number(low),
        number(high)
    );
    if low > 0.0 {
        format!("On the test set ARD predicts better than OLS ({figures}).")
    } else if high < 0.0 {
        format!("On the test set OLS predicts better than ARD ({figures}).")
    } else {
        format!("On the test set OLS and ARD do not differ significantly ({figures}).")
    }
}

/// That the updates ended before the weights settled, if they did.
pub fn unsettled(name: &str, iterations: usize, converged: bool) -> Option<String> {
    (!converged).then(|| {
        format!("The ARD weights for {name} still changed after {iterations} rounds of updates: raise linear.max_iter.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn what_was_kept_follows_the_lists() {
        let some = kept("price", &words(&["size", "age"]), &words(&["floor"]), 0.01);
        assert!(some.starts_with("For price, ARD kept 2 of 3 columns (size") && some.contains("floor"), "{some}");
        assert!(some.contains("below 0.010 (standardized)"), "{some}");
        let many: Vec<String> = (0..30).map(|i| format!("x{i}")).collect();
        assert!(kept("price", &many, &words(&["floor"]), 0.01).contains("x9 and 20 more"));
        assert!(kept("price", &words(&["size"]), &[], 0.01).contains("took out none of the 1"));
        assert!(kept("price", &[], &words(&["size", "age"]), 0.01).contains("all 2 columns and predicts the mean"));
    }

    #[test]
    fn intervals_that_exclude_zero_are_named() {
        assert_eq!(clear("y", &[], 0), None);
        assert!(clear("y", &[], 2).unwrap().starts_with("No 95 % interval"));
        assert!(clear("y", &words(&["u", "v"]), 2).unwrap().starts_with("The 95 % intervals of all"));
        assert!(clear("y", &words(&["u"]), 2).unwrap().ends_with("excludes 0 for u."));
    }

    #[test]
    fn missing_standard_errors_are_explained() {
        assert_eq!(no_standard_errors("y", 3, 3, 10), None);
        assert!(no_standard_errors("y", 2, 3, 10).unwrap().contains("only 2 of its 3 columns"));
        assert!(no_standard_errors("y", 3, 3, 0).unwrap().contains("no more samples than the 3 weights"));
    }

    #[test]
    fn a_difference_is_one_only_if_its_interval_says_so() {
        assert!(beside("y", 2.0, 1.0, [0.5, 1.5], 40).starts_with("On the test set ARD predicts better"));
        assert!(beside("y", 1.0, 2.0, [-1.5, -0.5], 40).starts_with("On the test set OLS predicts better"));
        assert!(beside("y", 1.0, 1.1, [-0.4, 0.2], 40).contains("do not differ significantly"));
    }

    #[test]
    fn updates_that_did_not_settle_are_told() {
        assert_eq!(unsettled("y", 30, true), None);
        assert!(unsettled("y", 300, false).unwrap().contains("after 300 rounds"));
    }
}
