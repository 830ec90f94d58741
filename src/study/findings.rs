//! Sentences of the report of a study, as functions of numbers.

use crate::report::words::{counted, percent};

/// What retraining the best trial gave, on the validation split.
pub fn retrained(number: usize, again: Option<f64>, value: Option<f64>) -> String {
    let same = match (again, value) {
        (Some(again), Some(value)) if again == value => "It reached the same value, bit for bit.".to_owned(),
        (Some(again), Some(value)) => {
            format!("It reached {again:.5} on the validation split, after {value:.5} in its trial.")
        }
        _ => String::new(),
    };
    let words = format!("Trial {number} was trained again, with its seed, as a run of its own. {same}");
    words.trim_end().to_owned()
}

/// How to read the chart of each parameter alone. `adaptive`: the sampler learns from the trials before.
pub fn slices(adaptive: bool) -> &'static str {
    if adaptive {
        "The darker a point, the later its trial: dark clouds are where the search went. Rings are pruned."
    } else {
        "The darker a point, the later its trial; this sampler does not learn from earlier trials. Rings are pruned."
    }
}

/// Which parameter explains most of the variance, and what that is worth. `shares` are of the parameters alone.
pub fn importance(names: &[String], shares: &[f64], trials: usize) -> String {
    let first = (0..shares.len()).fold(None, |best: Option<usize>, i| match best {
        Some(b) if shares[b] >= shares[i] => Some(b),
        _ => Some(i),
    });
    let Some(first) = first else { return "The study has no parameters.".to_owned() };
    let together = (1.0 - shares.iter().sum::<f64>()).max(0.0);
    let clear = if shares[first] < together {
        "More of it belongs to parameters acting together than to any parameter alone."
    } else {
        "No interaction of parameters explains more."
    };
    format!(
        "`{}` alone explains {} of the variance of the trials' values, the largest fraction of any parameter alone; {} belongs \
         to parameters acting together. {clear} The fractions are those of a random forest fitted to {} (functional analysis of \
         variance, Hutter et al. 2014): they suggest where to search and prove nothing.",
        names[first],
        percent(shares[first]),
        percent(together),
        counted(trials, "trial")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retrained_trial_is_compared() {
        assert!(retrained(3, Some(0.5), Some(0.5)).ends_with("bit for bit."));
        assert!(retrained(3, Some(0.5), Some(0.4)).contains("0.50000 on the validation split, after 0.40000"));
        assert!(retrained(3, None, Some(0.4)).ends_with("a run of its own."));
    }

    #[test]
    fn only_an_adaptive_search_goes_anywhere() {
        assert!(slices(true).contains("where the search went") && !slices(false).contains("where the search went"));
    }

    #[test]
    fn the_most_important_parameter_is_named() {
        let names = ["lr", "width"].map(String::from);
        let words = importance(&names, &[0.2, 0.5], 30);
        assert!(words.starts_with("`width` alone explains 50.0 %") && words.contains("30.0 % belongs"), "{words}");
        assert!(words.contains("No interaction") && words.contains("30 trials"), "{words}");
        assert!(importance(&names, &[0.1, 0.2], 30).contains("More of it belongs"));
        assert!(importance(&[], &[], 0).contains("no parameters"));
    }
}
