//! Sentences of the reports of all kinds of experiments, as functions of numbers.

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

#[cfg(test)]
mod tests {
    use super::*;

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
