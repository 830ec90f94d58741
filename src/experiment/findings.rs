//! Sentences of the reports of all kinds of experiments, as functions of numbers.

use crate::optim::Stopped;
use crate::report::chart::Interval;
use crate::report::words::{counted, listed, thousands};

/// What gives the same weights again. `from_weights`: the network began with weights of another run.
pub fn reproducible(from_weights: bool) -> &'static str {
    if from_weights {
        "The same file, seed, data and initial weights (`model.weights`) give the same weights, bit for bit, on any number of \
         threads."
    } else {
        "The same file, seed and data give the same weights, bit for bit, on any number of threads."
    }
}

/// The mean and the standard deviation of a figure over the folds of a cross-validation of so many folds, repeats and rows.
pub fn cross_validated(figure: &str, (mean, deviation): (f64, f64), [folds, repeats, rows]: [usize; 3]) -> String {
    let times = match repeats {
        1 => format!("{folds} folds"),
        n => format!("{} folds ({n} repeats of {folds})", n * folds),
    };
    format!(
        "The mean {figure} over {times} of {rows} rows is {mean:.4}, with a standard deviation of {deviation:.4} between folds. \
         Each row was predicted by models that were not trained on it, and no row of the test split was among them."
    )
}

/// Words for the epoch whose weights are kept, and how it was chosen.
pub fn kept_epoch(validated: bool) -> [&'static str; 2] {
    if validated {
        ["best epoch", "chosen on the validation split"]
    } else {
        ["last epoch", "kept: there are no validation samples"]
    }
}

/// For which reasons the steps of L-BFGS ended, and how many for each; nothing of other optimizers. That `max_iter` iterations were
/// taken says nothing of a minimum.
pub fn steps_ended(reasons: &[(Stopped, usize)]) -> Option<String> {
    let all: usize = reasons.iter().map(|(_, steps)| steps).sum();
    let each: Vec<String> = reasons.iter().map(|(why, steps)| format!("{} because {why}", thousands(*steps))).collect();
    match reasons {
        [] => None,
        [(Stopped::Iterations | Stopped::Evaluations, _)] => Some(format!(
            "All steps of L-BFGS were cut short ({}): none of them ended because it had reached a minimum.",
            each[0]
        )),
        _ => Some(format!("Of {} of L-BFGS, {} ended.", counted(all, "step"), listed(&each))),
    }
}

/// Most columns that a sentence names.
const NAMED: usize = 5;

/// Which columns the predictions of number `name` rest on: each column with the mean, the least and the largest increase of the mean
/// squared error over `repeats` shuffles, in variances of the number, the most important column first.
pub fn important(name: &str, columns: &[(String, Interval)], repeats: usize) -> String {
    let raised: Vec<String> =
        columns.iter().filter(|(_, (_, (least, _)))| *least > 0.0).map(|(column, _)| column.clone()).collect();
    let Some((first, (mean, _))) = columns.first().filter(|_| !raised.is_empty()) else {
        return format!(
            "No column raised the error of {name} in all {repeats} shuffles: the predictions rest on no single column."
        );
    };
    let named = match raised.split_at_checked(NAMED) {
        Some((some, rest)) if !rest.is_empty() => format!("{} and {} more", some.join(", "), rest.len()),
        _ => listed(&raised),
    };
    format!(
        "The predictions of {name} rest most on {first}: shuffled, it raises the mean squared error by {mean:.3} variances of \
         {name}. {} of {} columns raised it in all {repeats} shuffles ({named}).",
        raised.len(),
        columns.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn important_columns_are_those_that_always_raise_the_error() {
        let column = |name: &str, mean: f64, least: f64| (name.to_owned(), (mean, (least, 2.0 * mean)));
        let words = important("y", &[column("u", 0.512, 0.4), column("v", 0.1, 0.05), column("w", 0.01, -0.01)], 5);
        assert!(
            words.starts_with("The predictions of y rest most on u: shuffled, it raises") && words.contains("0.512")
        );
        assert!(words.ends_with("2 of 3 columns raised it in all 5 shuffles (u and v)."), "{words}");
        let many: Vec<_> = (0..8).map(|i| column(&format!("x{i}"), 0.3, 0.2)).collect();
        assert!(important("y", &many, 5).ends_with("(x0, x1, x2, x3, x4 and 3 more)."));
        assert!(important("y", &[column("u", 0.01, -0.1)], 5).contains("rest on no single column"));
        assert!(important("y", &[], 5).starts_with("No column"));
    }

    #[test]
    fn steps_that_were_cut_short_are_no_minimum() {
        let cut = steps_ended(&[(Stopped::Iterations, 3000)]).unwrap();
        assert!(cut.contains("3,000 because max_iter iterations were taken") && cut.contains("none of them"), "{cut}");
        let two = steps_ended(&[(Stopped::Gradient, 1), (Stopped::Iterations, 29)]).unwrap();
        assert!(two.starts_with("Of 30 steps of L-BFGS, 1 because the gradient is not above tolerance_grad and 29"));
        assert!(!two.contains("cut short"));
        assert_eq!(steps_ended(&[]), None);
    }

    #[test]
    fn folds_are_counted() {
        let once = cross_validated("accuracy", (0.93456, 0.0249), [5, 1, 298]);
        assert!(
            once.starts_with(
                "The mean accuracy over 5 folds of 298 rows is 0.9346, with a standard deviation of 0.0249"
            )
        );
        assert!(cross_validated("mse", (2.0, 0.1), [5, 3, 40]).contains("over 15 folds (3 repeats of 5) of 40 rows"));
    }

    #[test]
    fn initial_weights_are_a_fourth_input() {
        assert!(reproducible(true).contains("initial weights") && !reproducible(false).contains("initial weights"));
    }
}
