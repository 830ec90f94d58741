//! The sentences of assignment 3: each a function of the run's numbers.

use gradus::report::words::{listed, percent};

/// A mean squared error of pixels in words.
pub(crate) fn error(value: f64) -> String {
    format!("{value:.5}").replace('-', "\u{2212}")
}

/// Principal components of a data set, in short.
pub(crate) struct Spectrum<'a> {
    /// What it is of.
    pub(crate) name: &'a str,
    /// The fraction of the variance along each component, the largest first.
    pub(crate) ratios: &'a [f64],
}

impl Spectrum<'_> {
    /// The least number of components that keep this fraction of the variance.
    pub(crate) fn needed(&self, fraction: f64) -> usize {
        let mut kept = 0.0;
        // A sum of fractions may end a few roundings below 1.
        let enough = |ratio: &f64| {
            kept += ratio;
            kept >= fraction - 1e-9
        };
        self.ratios.iter().position(enough).map_or(self.ratios.len(), |i| i + 1)
    }
}

/// How many components two data sets need for nine tenths of their variance, and whether a direction stands out.
pub(crate) fn components(sets: &[Spectrum<'_>]) -> String {
    let each = sets.iter().map(|set| {
        let d = set.ratios.len();
        let (first, even) = (set.ratios[0], 1.0 / d as f64);
        let out = if first > 2.0 * even {
            format!("the first alone has {} of it, where {} would be an even part", percent(first), percent(even))
        } else {
            format!("no direction stands out: the first has {}, an even part is {}", percent(first), percent(even))
        };
        format!("{} needs {} of {d} components for 90 % of its variance ({out}).", set.name, set.needed(0.9))
    });
    each.collect::<Vec<_>>().join(" ")
}

/// Autoencoders with one size of code.
pub(crate) struct Coded {
    /// Numbers in a code.
    pub(crate) code: usize,
    /// The validation error after each epoch.
    pub(crate) curve: Vec<f64>,
    /// The test error of the network that was kept.
    pub(crate) test: f64,
    /// The test error of as many principal components.
    pub(crate) components: f64,
}

/// Whether a larger code is better in every epoch, and when an autoencoder had come close to its end.
pub(crate) fn codes_and_epochs(all: &[Coded]) -> String {
    let epochs = all.iter().map(|c| c.curve.len()).min().unwrap_or(0);
    let is_ordered = |epoch: &usize| all.windows(2).all(|pair| pair[1].curve[*epoch] < pair[0].curve[*epoch]);
    let ordered = (0..epochs).filter(is_ordered).count();
    let order = match ordered {
        n if n == epochs => format!("After each of the {epochs} epochs a larger code has the lower validation error."),
        0 => "After no epoch do larger codes throughout have the lower validation error.".into(),
        n => format!("After {n} of {epochs} epochs larger codes throughout have the lower validation error."),
    };
    let close: Vec<String> = all
        .iter()
        .map(|c| {
            let lowest = c.curve.iter().copied().fold(f64::INFINITY, f64::min);
            let near = c.curve.iter().position(|e| *e <= 1.05 * lowest).map_or(epochs, |i| i + 1);
            format!("{near} with a code of {}", c.code)
        })
        .collect();
    format!("{order} The first epoch within 5 % of the lowest error is {}.", listed(&close))
}

/// The autoencoders beside as many principal components.
pub(crate) fn beside_components(all: &[Coded]) -> String {
    let names = |better: bool| -> Vec<String> {
        let of = all.iter().filter(|c| (c.test < c.components) == better);
        of.map(|c| format!("{} ({} against {})", c.code, error(c.test), error(c.components))).collect()
    };
    match (names(true), names(false)) {
        (below, above) if above.is_empty() => {
            format!("The test error is below that of as many principal components with a code of {}.", listed(&below))
        }
        (below, above) if below.is_empty() => {
            format!(
                "The test error is not below that of as many principal components with a code of {}.",
                listed(&above)
            )
        }
        (below, above) => format!(
            "The test error is below that of as many principal components with a code of {}, and is not with one of {}.",
            listed(&below),
            listed(&above)
        ),
    }
}

/// What a training layer by layer was worth: the test error of the stacked network minus that of the whole alone, with its
/// 95 % interval, after as many multiply-adds.
pub(crate) struct Worth {
    /// Test errors, stacked and alone.
    pub(crate) errors: [f64; 2],
    /// The interval of their difference.
    pub(crate) interval: [f64; 2],
    /// Whether it holds for other seeds too.
    pub(crate) over_seeds: bool,
}

/// Whether it pays to train layer by layer first.
pub(crate) fn pays(w: &Worth) -> String {
    let ([stacked, alone], [low, high]) = (w.errors, w.interval);
    let numbers = format!(
        "{} against {}, difference {} (95 % interval {} to {})",
        error(stacked),
        error(alone),
        error(stacked - alone),
        error(low),
        error(high)
    );
    let scope = if w.over_seeds { "" } else { " With one seed this holds for these two networks only." };
    let verdict = match () {
        () if high < 0.0 => {
            "It pays: after as many multiply-adds the network trained layer by layer has the lower test error"
        }
        () if low > 0.0 => "It does not pay: trained as a whole for as long, the network has the lower test error",
        () => "No difference is found at the 5 % level between training layer by layer and as a whole for as long",
    };
    format!("{verdict}: {numbers}.{scope}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_counted() {
        let (even, one) = ([0.1; 10], [0.92, 0.05, 0.02, 0.01]);
        let set = Spectrum { name: "a", ratios: &even };
        assert_eq!([0.05, 0.1, 0.9, 1.0].map(|f| set.needed(f)), [1, 1, 9, 10]);
        let said = components(&[set, Spectrum { name: "b", ratios: &one }]);
        assert!(said.contains("a needs 9 of 10 components") && said.contains("no direction stands out"), "{said}");
        assert!(said.contains("b needs 1 of 4 components") && said.contains("the first alone has 92.0 %"), "{said}");
    }

    fn coded(code: usize, curve: &[f64], test: f64, components: f64) -> Coded {
        Coded { code, curve: curve.to_vec(), test, components }
    }

    #[test]
    fn sentences_on_codes_follow_the_numbers() {
        let falls = [coded(16, &[0.5, 0.3, 0.29], 0.2, 0.3), coded(64, &[0.4, 0.2, 0.1], 0.1, 0.05)];
        let said = codes_and_epochs(&falls);
        assert!(said.contains("After each of the 3 epochs"), "{said}");
        assert!(said.contains("2 with a code of 16 and 3 with a code of 64"), "{said}");
        let mixed = [coded(16, &[0.5, 0.3], 0.2, 0.3), coded(64, &[0.6, 0.2], 0.1, 0.05)];
        assert!(codes_and_epochs(&mixed).contains("After 1 of 2 epochs"));
        let never = [coded(16, &[0.1, 0.1], 0.2, 0.3), coded(64, &[0.6, 0.2], 0.1, 0.05)];
        assert!(codes_and_epochs(&never).contains("After no epoch"));

        let said = beside_components(&falls);
        assert!(
            said.contains("is below that of as many principal components with a code of 16 (0.20000 against 0.30000)"),
            "{said}"
        );
        assert!(said.ends_with("and is not with one of 64 (0.10000 against 0.05000)."), "{said}");
        assert!(!beside_components(&falls[..1]).contains("not"));
        assert!(beside_components(&falls[1..]).starts_with("The test error is not below"));
    }

    #[test]
    fn what_pays_is_said_only_where_the_interval_says_so() {
        let of = |interval, over_seeds| pays(&Worth { errors: [0.01, 0.02], interval, over_seeds });
        assert!(of([-0.02, -0.005], true).starts_with("It pays"));
        assert!(of([0.005, 0.02], true).starts_with("It does not pay"));
        assert!(of([-0.02, 0.001], true).starts_with("No difference is found at the 5 % level"));
        assert!(
            of([-0.02, 0.001], false).contains("With one seed") && !of([-0.02, 0.001], true).contains("With one seed")
        );
    }
}
