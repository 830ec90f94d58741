//! Sentences of the report of a study, as functions of numbers.

use crate::report::words::{counted, percent};

/// Says which value retraining the best trial gave, `on the validation split` or wherever its trials are compared.
pub fn retrained(number: usize, again: Option<f64>, value: Option<f64>, split: &str) -> String {
    let same = match (again, value) {
        (Some(again), Some(value)) if again == value => "It reached the same value, bit for bit.".to_owned(),
        (Some(again), Some(value)) => {
            format!("It reached {again:.5} {split}, after {value:.5} in its trial.")
        }
        _ => String::new(),
    };
    let words = format!("Trial {number} was trained again, with its seed, as a run of its own. {same}");
    words.trim_end().to_owned()
}

/// Returns on which samples the trials were compared.
pub fn compared(folded: bool) -> &'static str {
    if folded {
        "The trials were compared by cross-validation of the samples outside the test set."
    } else {
        "The trials were compared on the validation set alone."
    }
}

/// Returns the caption of the chart of each parameter alone. `adaptive`: the sampler learns from the trials before.
pub fn slices(adaptive: bool) -> &'static str {
    if adaptive {
        "The darker a point, the later its trial: the search concentrated where points are dark. Rings are pruned trials."
    } else {
        "The darker a point, the later its trial; this sampler does not learn from earlier trials. Rings are pruned trials."
    }
}

/// Says which parameter explains most of the variance. `fractions` are those of the parameters alone.
pub fn importance(names: &[String], fractions: &[f64], trials: usize) -> String {
    let first = (0..fractions.len()).fold(None, |best: Option<usize>, i| match best {
        Some(b) if fractions[b] >= fractions[i] => Some(b),
        _ => Some(i),
    });
    let Some(first) = first else { return "The study has no parameters.".to_owned() };
    let together = (1.0 - fractions.iter().sum::<f64>()).max(0.0);
    let clear = if fractions[first] < together {
        "Interactions of parameters explain more of it than any parameter alone."
    } else {
        "No interaction of parameters explains more."
    };
    format!(
        "`{}` alone explains {} of the variance of the trials' values, the largest fraction of any parameter alone; interactions \
        of parameters explain {}. {clear} The fractions are those of a random forest fitted to {} (functional analysis of \
         variance, Hutter et al. 2014): they suggest where to search; they are not a test of significance.",
        names[first],
        percent(fractions[first]),
        percent(together),
        counted(trials, "trial")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_are_compared_where_they_were_measured() {
        assert!(compared(true).contains("by cross-validation") && compared(false).contains("on the validation set"));
    }

    #[test]
    fn a_retrained_trial_is_compared() {
        assert!(retrained(3, Some(0.5), Some(0.5), "there").ends_with("bit for bit."));
        assert!(
            retrained(3, Some(0.5), Some(0.4), "on the validation split")
                .contains("0.50000 on the validation split, after 0.40000")
        );
        assert!(retrained(3, None, Some(0.4), "there").ends_with("a run of its own."));
    }

    #[test]
    fn only_an_adaptive_search_goes_anywhere() {
        assert!(slices(true).contains("the search concentrated") && !slices(false).contains("the search concentrated"));
    }

    #[test]
    fn the_most_important_parameter_is_named() {
        let names = ["lr", "width"].map(String::from);
        let words = importance(&names, &[0.2, 0.5], 30);
        assert!(
            words.starts_with("`width` alone explains 50.0 %")
                && words.contains("interactions of parameters explain 30.0 %"),
            "{words}"
        );
        assert!(words.contains("No interaction") && words.contains("30 trials"), "{words}");
        assert!(importance(&names, &[0.1, 0.2], 30).contains("explain more of it than"));
        assert!(importance(&[], &[], 0).contains("no parameters"));
    }
}
