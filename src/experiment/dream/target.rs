//! The prediction that a network shall be brought to give: one class, a mixture, or a vector.

use crate::error::{Error, Result};

/// A distribution over the classes.
#[derive(Clone, Debug, PartialEq)]
pub struct DreamTarget {
    /// A probability for each class; the sum is 1.
    pub probabilities: Vec<f32>,
    /// What was changed about the words to make a distribution of them, for the user to know.
    pub note: Option<String>,
}

impl DreamTarget {
    /// All on class `c`.
    pub fn class(c: usize, classes: usize) -> Self {
        Self { probabilities: (0..classes).map(|k| f32::from(k == c)).collect(), note: None }
    }

    /// Reads `3` or `seven` (a class by number or name), `2:0.5,3:0.5` (a mixture) or `0,0,.5,.5` (a vector; one that
    /// is too short is filled up with zeros).
    pub fn parse(text: &str, classes: &[String]) -> Result<Self> {
        let k = classes.len();
        let refuse = |what: String| {
            let help = "write a class (`1`), a mixture (`2:0.5,3:0.5`) or a vector (`0,0,.5,.5`)";
            Error::config("--target", format!("`{text}` {what}"), help)
        };
        let class = |word: &str| {
            let word = word.trim();
            let by_name = classes.iter().position(|name| name == word);
            let by_number = || word.parse::<usize>().ok().filter(|&c| c < k);
            by_name
                .or_else(by_number)
                .ok_or_else(|| refuse(format!("names no class; there are {}", classes.join(", "))))
        };
        let probability = |word: &str| {
            let probability = word.trim().parse::<f32>().ok().filter(|p| p.is_finite() && *p >= 0.0);
            probability.ok_or_else(|| refuse(format!("holds `{}`, which is not a probability", word.trim())))
        };
        let mut probabilities = vec![0.0f32; k];
        let mut note = None;
        if text.contains(':') {
            for part in text.split(',') {
                let (word, p) = part.split_once(':').ok_or_else(|| refuse("mixes two ways of writing".into()))?;
                probabilities[class(word)?] += probability(p)?;
            }
        } else if text.contains(',') {
            let numbers: Vec<f32> = text.split(',').map(probability).collect::<Result<_>>()?;
            if numbers.len() > k {
                return Err(refuse(format!("has {} numbers, but there are {k} classes", numbers.len())));
            }
            probabilities[..numbers.len()].copy_from_slice(&numbers);
            if numbers.len() < k {
                note = Some(format!(
                    "{} numbers given, {} zeros added for the other classes",
                    numbers.len(),
                    k - numbers.len()
                ));
            }
        } else {
            probabilities[class(text)?] = 1.0;
        }
        let sum: f32 = probabilities.iter().sum();
        if (sum - 1.0).abs() > 1e-3 {
            return Err(refuse(format!("sums to {sum}, and probabilities sum to 1")));
        }
        probabilities.iter_mut().for_each(|p| *p /= sum);
        Ok(Self { probabilities, note })
    }

    /// In words: `3`, or `50 % 2, 50 % 3`.
    pub fn words(&self, classes: &[String]) -> String {
        let some = self.probabilities.iter().enumerate().filter(|(_, p)| **p > 0.0);
        let words: Vec<String> = some
            .map(|(c, p)| if *p > 0.999 { classes[c].clone() } else { format!("{:.0} % {}", 100.0 * p, classes[c]) })
            .collect();
        words.join(", ")
    }

    /// The class with the largest probability (the first, on a tie).
    pub fn main_class(&self) -> usize {
        let p = &self.probabilities;
        (1..p.len()).fold(0, |best, k| if p[k] > p[best] { k } else { best })
    }

    /// The largest difference between this and what was reached.
    pub fn distance(&self, reached: &[f32]) -> f32 {
        self.probabilities.iter().zip(reached).fold(0.0, |m, (a, b)| m.max((a - b).abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits() -> Vec<String> {
        (0..10).map(|d| d.to_string()).collect()
    }

    #[test]
    fn three_ways_of_saying_it() {
        let parse = |text: &str| DreamTarget::parse(text, &digits()).unwrap();
        assert_eq!(parse("1"), DreamTarget::class(1, 10));
        let half = [0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(parse("2:0.5,3:0.5").probabilities, half);
        let short = parse("0,0,.5,.5");
        assert_eq!(short.probabilities, half);
        assert!(short.note.unwrap().contains("6 zeros"));
        assert_eq!(parse("0,0,.5,.5,0,0,0,0,0,0").note, None);
        assert_eq!(parse("2:0.5,3:0.5").words(&digits()), "50 % 2, 50 % 3");
    }

    #[test]
    fn what_is_no_distribution_is_refused() {
        for text in ["12", "x", "1:0.5", "0.2,0.2", "1:a", "0,0,0,0,0,0,0,0,0,0,1", "-1,2", ""] {
            assert_eq!(DreamTarget::parse(text, &digits()).unwrap_err().exit_code(), 2, "{text}");
        }
    }
}
