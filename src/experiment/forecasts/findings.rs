//! Sentences about forecasts, as functions of numbers.

use super::Baseline;
use crate::report::chart::number;

/// A baseline in a sentence.
fn words(baseline: Baseline) -> &'static str {
    match baseline {
        Baseline::Persistence => "persistence (the last known value)",
        Baseline::Season => "the season alone",
        Baseline::Mean => "the mean of the training values",
    }
}

/// Whether the model forecasts better than a baseline: mean squared errors on `n` test values, and the 95 % interval of the model's
/// minus the baseline's.
pub fn beside(baseline: Baseline, model: f64, other: f64, [low, high]: [f64; 2], n: usize) -> String {
    let name = words(baseline);
    let figures = format!(
        "mean squared error {} for {}, difference {} with a 95 % interval from {} to {}, n = {n}",
        number(model),
        number(other),
        number(model - other),
        number(low),
        number(high)
    );
    if high < 0.0 {
        let gain = 100.0 * (1.0 - model / other);
        format!("The model's forecasts are better than {name}, by {gain:.1} % ({figures}).")
    } else if low > 0.0 {
        format!("The model's forecasts are worse than {name} ({figures}).")
    } else {
        format!("The model's forecasts do not differ significantly from {name} ({figures}).")
    }
}

/// Up to how many of `most` steps ahead the free-running model is better than a baseline, significantly at each.
pub fn reach(baseline: Baseline, until: usize, most: usize) -> String {
    let name = words(baseline);
    if until == 0 {
        return format!("There is no evidence that the free-running model is better than {name}, even one step ahead.");
    }
    if until == most {
        return format!(
            "The free-running model is better than {name} at all {most} steps ahead that were measured (significant at the 5 % \
             level at each)."
        );
    }
    let steps = if until == 1 { "1 step".to_owned() } else { format!("{until} steps") };
    format!(
        "The free-running model is better than {name} up to {steps} ahead (significant at the 5 % level at each); {} steps ahead \
         it is not significantly better.",
        until + 1
    )
}

/// Why a model of more than one step has no free-running forecast.
pub fn not_free(horizon: usize) -> String {
    format!(
        "Free-running forecasts feed a model of one step with its own predictions; this model predicts {horizon} steps ahead at \
         once (data.series.horizon)."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_one_only_if_its_interval_says_so() {
        let better = beside(Baseline::Persistence, 7.26, 8.07, [-1.1, -0.5], 2837);
        assert!(
            better.starts_with("The model's forecasts are better than persistence (the last known value), by 10.0 %")
        );
        assert!(better.contains("7.26 for 8.07") && better.contains("n = 2837"), "{better}");
        assert!(beside(Baseline::Season, 7.0, 6.0, [0.4, 1.6], 50).contains("are worse than the season alone"));
        let same = beside(Baseline::Mean, 7.0, 7.1, [-0.5, 0.3], 50);
        assert!(same.contains("do not differ significantly from the mean of the training values"), "{same}");
    }

    #[test]
    fn a_reach_ends_where_the_evidence_ends() {
        assert!(reach(Baseline::Season, 0, 30).starts_with("There is no evidence"));
        assert!(reach(Baseline::Season, 30, 30).contains("at all 30 steps ahead"));
        let some = reach(Baseline::Season, 6, 30);
        assert!(some.contains("up to 6 steps ahead") && some.contains("7 steps ahead it is not"), "{some}");
        assert!(reach(Baseline::Persistence, 1, 30).contains("up to 1 step ahead"));
    }

    #[test]
    fn other_horizons_do_not_run_free() {
        assert!(not_free(7).contains("predicts 7 steps ahead at once"));
    }
}
