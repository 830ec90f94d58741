//! Sentences about regressions, as functions of numbers.

use super::COVERAGE;
use crate::report::chart::number;
use crate::report::words::percent;

/// Whether the `model`, a network or whatever learned, predicts number `name` better than its mean does: R² on `n` test samples
/// with its 95 % interval.
pub fn verdict(model: &str, name: &str, r_squared: Option<f64>, interval: Option<(f64, f64)>, n: usize) -> String {
    let (Some(r_squared), Some((low, high))) = (r_squared, interval) else {
        return format!("All {n} test samples have the same {name}, so R² has no value there.");
    };
    let figures = format!("R² is {r_squared:.3} (95 % interval {low:.3} to {high:.3}, n = {n})");
    if low > 0.0 {
        let part = percent(r_squared);
        format!("The {model} explains {part} of the variance of {name} on the test set: {figures}.")
    } else if high < 0.0 {
        format!("On the test set the {model} predicts {name} worse than its mean there would: {figures}.")
    } else {
        format!("There is no evidence that the {model} predicts {name} better than its mean does: {figures}.")
    }
}

/// How wide prediction intervals are, and what fraction of the test samples they hold. `usual` is the range of that fraction
/// where test and validation samples are alike: the interval was computed from a few of them and is measured on a few.
pub fn intervals(name: &str, half_width: f64, coverage: f64, usual: (f64, f64)) -> String {
    let range = format!("{} to {}", percent(usual.0), percent(usual.1));
    let judged = if coverage < usual.0 {
        format!("fewer than the {range} that chance explains: the test samples are harder than the validation samples")
    } else if coverage > usual.1 {
        format!("more than the {range} that chance explains: the test samples are easier than the validation samples")
    } else {
        format!("with so many samples {range} is consistent with that")
    };
    format!(
        "The interval of a prediction of {name} is ± {}, computed from the residuals of the validation set (split \
         conformal prediction) to hold {}. On the test set it holds {} ({judged}).",
        number(half_width),
        percent(COVERAGE),
        percent(coverage)
    )
}

/// What the intervals above take for granted, if the samples are a time series.
pub fn in_time() -> &'static str {
    "The intervals of R² and of the coverage take the test samples as independent of each other. Errors that are near each other in \
     time may not be, and then these intervals are too narrow."
}

/// How near a linear network's loss on the training split is to the lowest there is, which least squares gives.
pub fn beside_least_squares(own: f64, lowest: f64) -> String {
    let above = own - lowest;
    let judged = if above <= 1e-5 {
        "it has converged".to_owned()
    } else {
        format!("it is above that by {}, and has not converged", number(above))
    };
    format!(
        "The network is linear, and the lowest loss of a linear model on the training split is known: least squares gives \
         {lowest:.6}. The network's is {own:.6}: {judged}."
    )
}

/// Whether the size of residuals depends on the predictions: `low` and `high` are the 95 % interval of their correlation.
pub fn spread((low, high): (f64, f64)) -> &'static str {
    if low > 0.0 {
        "The larger the prediction, the larger its error tends to be (significant at the 5 % level)."
    } else if high < 0.0 {
        "The larger the prediction, the smaller its error tends to be (significant at the 5 % level)."
    } else {
        "The size of the errors does not depend significantly on the size of the predictions."
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_follows_the_interval() {
        let words = |r: f64, low: f64, high: f64| verdict("network", "price", Some(r), Some((low, high)), 200);
        assert!(words(0.871, 0.84, 0.9).starts_with("The network explains 87.1 % of the variance of price"));
        assert!(words(0.02, -0.05, 0.09).starts_with("There is no evidence"));
        assert!(words(-0.4, -0.6, -0.2).contains("worse than its mean"));
        assert!(verdict("network", "price", None, None, 3).contains("R² has no value"));
    }

    #[test]
    fn a_linear_unit_has_converged_or_not() {
        assert!(beside_least_squares(0.300005, 0.3).ends_with("The network's is 0.300005: it has converged."));
        assert!(
            beside_least_squares(0.4, 0.3).contains("above that by 0.1")
                && beside_least_squares(0.4, 0.3).contains("not")
        );
    }

    #[test]
    fn coverage_is_judged_by_what_chance_explains() {
        let words = |coverage: f64| intervals("y", 1.5, coverage, (0.9, 0.99));
        assert!(words(0.95).ends_with("holds 95.0 % (with so many samples 90.0 % to 99.0 % is consistent with that)."));
        assert!(words(0.85).contains("fewer than the 90.0 % to 99.0 % that chance explains"));
        assert!(words(1.0).contains("more than the 90.0 % to 99.0 % that chance explains"));
    }

    #[test]
    fn a_spread_is_told_only_if_it_is_significant() {
        assert!(spread((0.1, 0.5)).starts_with("The larger the prediction, the larger"));
        assert!(spread((-0.5, -0.1)).starts_with("The larger the prediction, the smaller"));
        assert!(spread((-0.1, 0.3)).contains("does not depend"));
    }
}
