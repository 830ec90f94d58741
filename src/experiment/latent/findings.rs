//! What is said of the codes of an autoencoder, as functions of numbers.

use crate::report::words::percent;

/// The figures of one run.
#[derive(Clone, Debug)]
pub struct Summary<'a> {
    /// Name of the run.
    pub name: &'a str,
    /// Mean squared error per value.
    pub mse: f64,
    /// Dimensions of a code, and how many of them are active.
    pub dimensions: usize,
    /// See [`dimensions`](Self::dimensions).
    pub active: usize,
    /// Accuracy of the five nearest codes, and of predicting the most frequent class for every image.
    pub knn_accuracy: f64,
    /// See [`knn_accuracy`](Self::knn_accuracy).
    pub majority: f64,
    /// Of each source of latent samples: its name, inception score and mean confidence by a classifier.
    pub generated: Vec<(&'a str, f64, f64)>,
}

/// What was found in one run's codes.
pub fn verdict(s: &Summary<'_>) -> String {
    let active =
        if s.active == s.dimensions { "all of them active".to_owned() } else { format!("{} of them active", s.active) };
    let mut words = format!(
        "{} reconstructs test images with a mean squared error of {:.5} per value from codes of {} dimensions, {active}; the \
         five nearest codes predict the class for {} (the most frequent class alone: {}).",
        s.name,
        s.mse,
        s.dimensions,
        percent(s.knn_accuracy),
        percent(s.majority)
    );
    let best = s.generated.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((source, score, confidence)) = best {
        let which = if s.generated.len() > 1 { "has the highest inception score" } else { "has an inception score" };
        words.push_str(&format!(
            " Among latent samples, the {source} {which}, {score:.1}, at a mean confidence of the classifier of {}.",
            percent(*confidence)
        ));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_source_is_named_if_there_are_several() {
        let generated = vec![("prior", 3.0, 0.5), ("box", 7.5, 0.8)];
        let all =
            Summary { name: "cae", mse: 0.01, dimensions: 8, active: 8, knn_accuracy: 0.7, majority: 0.1, generated };
        let words = verdict(&all);
        assert!(words.contains("the box has the highest inception score, 7.5") && words.contains("all of them active"));
        let one = Summary { generated: vec![("prior", 3.0, 0.5)], active: 3, ..all.clone() };
        assert!(
            verdict(&one).contains("the prior has an inception score, 3.0")
                && verdict(&one).contains("3 of them active")
        );
        assert!(!verdict(&Summary { generated: Vec::new(), ..all }).contains("inception"));
    }
}
