//! Sentences about self-organizing maps, as functions of numbers.

use crate::analysis::metrics::wilson_interval;
use crate::report::chart::number;
use crate::report::words::percent;

/// How well a map of `rows` x `columns` units fits `n` test samples: its quantization error, and its topographic error with the
/// 95 % interval.
pub fn verdict((rows, columns): (usize, usize), quantization: f64, topographic: f64, n: usize) -> String {
    let torn = (topographic * n as f64).round() as usize;
    let (low, high) = wilson_interval(torn, n);
    format!(
        "On the {rows} x {columns} map a test sample lies {} from its best matching unit on average (quantization error). The two \
         nearest units of {} of the test samples are not neighbours (topographic error, 95 % interval {} to {}, n = {n}).",
        number(quantization),
        percent(topographic),
        percent(low),
        percent(high)
    )
}

/// How the classes of the units fare on `n` test samples, beside always predicting the class that is the most frequent there.
pub fn accuracy(correct: usize, n: usize, majority: f64) -> String {
    let (low, high) = wilson_interval(correct, n);
    let fraction = correct as f64 / n as f64;
    let figures = format!(
        "{} of the test samples are classified correctly by the majority of their unit (95 % interval {} to {}, n = {n})",
        percent(fraction),
        percent(low),
        percent(high)
    );
    let baseline = percent(majority);
    if low > majority {
        format!("{figures}; the majority-class baseline is {baseline}.")
    } else if high < majority {
        format!("{figures}, fewer than by the majority-class baseline, {baseline}.")
    } else {
        format!("{figures}, which is not significantly different from the majority-class baseline, {baseline}.")
    }
}

/// What became of units that are no training sample's best matching unit, `unused` of `units`: how far they and the others
/// `moved` since the start on average, and their mean distances to their neighbours (`apart`), unused ones first.
pub fn unused(unused: usize, units: usize, moved: [f64; 2], apart: [f64; 2]) -> String {
    if unused == 0 {
        return format!("Each of the {units} units is the best matching unit of some training sample.");
    }
    if unused == units {
        return "No unit is the best matching unit of a training sample.".to_owned();
    }
    let some = format!(
        "{unused} of {units} {} no training sample's best matching unit. {}",
        if unused == 1 { "units is" } else { "units are" },
        if unused == 1 { "It stands for no class" } else { "They stand for no class" }
    );
    let it = if unused == 1 { "it has" } else { "they have" };
    let (their, lie, mark) =
        if unused == 1 { ("Its", "it lies", "it marks") } else { ("Their", "they lie", "they mark") };
    let moved = if moved[0] > 0.0 {
        format!(
            "; the samples of their neighbours pull them all the same: since the start {it} moved by {} on average, the others by {}",
            number(moved[0]),
            number(moved[1])
        )
    } else {
        "; no sample has moved them from where they began".to_owned()
    };
    let border = if apart[0] > apart[1] {
        format!(
            ". {their} mean distance to the neighbours, {}, is larger than that of the others, {}: a sign that {lie} between groups of samples.",
            number(apart[0]),
            number(apart[1])
        )
    } else {
        format!(
            ". {their} mean distance to the neighbours, {}, is not larger than that of the others, {}: {mark} no border.",
            number(apart[0]),
            number(apart[1])
        )
    };
    format!("{some}{moved}{border}")
}

/// How far units and classes agree as partitions of `n` samples.
pub fn agreement(information: f64, units: usize, classes: usize, split: &str, n: usize) -> String {
    let what = format!("Normalized mutual information of units and classes is {information:.3} on {n} {split} samples");
    if units == classes {
        format!("{what}: 1 would be a unit for each class, 0 no relation.")
    } else {
        format!("{what}; with {units} units for {classes} classes it stays below 1 even if no unit mixes classes.")
    }
}

/// What cross-validation found: the accuracy of each repeat.
pub fn cross_validated(accuracies: &[f64], folds: usize, n: usize) -> String {
    let mean = accuracies.iter().sum::<f64>() / accuracies.len() as f64;
    let (low, high) = accuracies.iter().fold((1.0f64, 0.0f64), |(low, high), &a| (low.min(a), high.max(a)));
    let range = match accuracies.len() {
        1 => String::new(),
        repeats => format!(" over {repeats} repeats ({} to {})", percent(low), percent(high)),
    };
    format!(
        "Stratified {folds}-fold cross-validation of the {n} training samples gives an accuracy of {}{range}: each sample is \
         predicted by a map of the other folds, on their scale.",
        percent(mean)
    )
}

/// How the quantization error fell over the epochs, `first` to `last`.
pub fn learning(first: f64, last: f64, epochs: usize) -> String {
    if epochs < 2 {
        return format!("After its one epoch the quantization error on the training split is {}.", number(last));
    }
    let verb = if last < first { "fell" } else { "did not fall" };
    let [first, last] = [first, last].map(number);
    format!("From epoch 1 to epoch {epochs} the quantization error on the training split {verb}: {first}, then {last}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_gives_both_errors() {
        let said = verdict((4, 5), 0.4123, 0.05, 40);
        assert!(said.starts_with("On the 4 x 5 map a test sample lies 0.412 from its best matching unit"), "{said}");
        assert!(said.contains("5.0 % of the test samples are not neighbours") && said.contains("n = 40"), "{said}");
    }

    #[test]
    fn an_accuracy_is_held_against_the_majority() {
        assert!(accuracy(95, 100, 0.34).ends_with("the majority-class baseline is 34.0 %."));
        assert!(accuracy(40, 100, 0.34).contains("not significantly different"));
        assert!(accuracy(5, 100, 0.34).contains("fewer than by the majority-class baseline"));
    }

    #[test]
    fn unused_units_are_told_by_what_became_of_them() {
        assert!(unused(0, 16, [0.0; 2], [0.0; 2]).starts_with("Each of the 16 units"));
        let said = unused(3, 16, [0.5, 0.7], [1.2, 0.4]);
        assert!(said.starts_with("3 of 16 units are no training sample's") && said.contains("pull them"), "{said}");
        assert!(said.ends_with("a sign that they lie between groups of samples."), "{said}");
        assert!(unused(3, 16, [0.0, 0.7], [1.2, 0.4]).contains("no sample has moved them"));
        assert!(unused(3, 16, [0.5, 0.7], [0.2, 0.4]).ends_with("they mark no border."));
        assert!(unused(1, 16, [0.5, 0.7], [0.2, 0.4]).contains("It stands for no class"));
    }

    #[test]
    fn agreement_and_cross_validation() {
        assert!(agreement(0.8134, 3, 3, "training", 150).contains("is 0.813 on 150 training samples: 1 would be"));
        assert!(agreement(0.5, 16, 3, "training", 150).contains("stays below 1"));
        let said = cross_validated(&[0.95, 0.97], 5, 150);
        assert!(said.contains("96.0 % over 2 repeats (95.0 % to 97.0 %)"), "{said}");
        assert!(!cross_validated(&[0.95], 5, 150).contains("repeats"));
        assert!(learning(2.0, 1.0, 9).ends_with("fell: 2.00, then 1.00."));
        assert!(learning(1.0, 2.0, 9).contains("did not fall") && learning(1.0, 1.0, 1).contains("one epoch"));
    }
}
