//! Who is learned from, and who is asked afterwards.
//!
//! A test is honest only if nothing of it was seen in training. Two rules see to that here. *Stratified*: each class is
//! divided in the same proportions, so that a rare class does not fall into one split by chance. *Grouped*: pictures
//! that belong together (ten X-rays of one patient) go to one split together, or the network would be rewarded for
//! recognizing the patient. Scikit-learn knows the two as `StratifiedShuffleSplit` and `StratifiedGroupKFold`.

use crate::rng::Rng;
use serde::{Deserialize, Serialize};

/// One of the three parts of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Learned from.
    Train,
    /// Watched while learning.
    Val,
    /// Asked once, in the end.
    Test,
}

impl Split {
    /// All three, in order.
    pub const ALL: [Split; 3] = [Split::Train, Split::Val, Split::Test];

    /// `train`, `val` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Val => "val",
            Split::Test => "test",
        }
    }
}

/// Divides `n` things into whole parts as close to `fractions` (of sum 1) as whole numbers allow: each part gets its
/// rounded-down share, and what is left goes to the largest remainders (Hamilton's method), the earlier part first.
/// Then an empty part takes one from the largest, while that has one to give.
pub fn apportion(n: usize, fractions: &[f64]) -> Vec<usize> {
    let shares: Vec<f64> = fractions.iter().map(|f| f * n as f64).collect();
    // 0.15 * 300 is 44.99999..: the tiny addition keeps what is whole in decimals whole.
    let mut parts: Vec<usize> = shares.iter().map(|s| (s + 1e-9).floor() as usize).collect();
    let mut order: Vec<usize> = (0..fractions.len()).collect();
    let remainder = |i: usize, parts: &[usize]| shares[i] - parts[i] as f64;
    order.sort_by(|&a, &b| {
        let (a, b) = (remainder(a, &parts), remainder(b, &parts));
        if (a - b).abs() < 1e-9 { std::cmp::Ordering::Equal } else { b.total_cmp(&a) }
    });
    let left = n.saturating_sub(parts.iter().sum());
    order.iter().cycle().take(left).for_each(|&i| parts[i] += 1);
    for i in 0..parts.len() {
        let largest = (0..parts.len()).max_by_key(|&k| (parts[k], std::cmp::Reverse(k))).expect("i is one");
        if parts[i] == 0 && fractions[i] > 0.0 && parts[largest] > 1 {
            parts[largest] -= 1;
            parts[i] += 1;
        }
    }
    parts
}

/// For each item the number of the part it falls into: each class is shuffled and divided by [`apportion`].
pub fn stratified(labels: &[usize], fractions: &[f64], rng: &mut Rng) -> Vec<usize> {
    let mut part = vec![0; labels.len()];
    for class in 0..number_of(labels) {
        let mut members: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == class).collect();
        rng.shuffle(&mut members);
        let mut members = members.into_iter();
        for (p, count) in apportion(members.len(), fractions).into_iter().enumerate() {
            members.by_ref().take(count).for_each(|i| part[i] = p);
        }
    }
    part
}

/// Like [`stratified`], but items with the same number in `groups` fall into one part.
///
/// Greedy, as in Sechidis, Tsoumakas and Vlahavas (2011): the groups, larger ones first and equal ones in random order,
/// go one by one to the part that still lacks most of what the group brings. A part that ends without a class takes
/// the smallest group with that class from a part that has another.
pub fn stratified_groups(labels: &[usize], groups: &[usize], fractions: &[f64], rng: &mut Rng) -> Vec<usize> {
    assert_eq!(labels.len(), groups.len(), "stratified_groups: one group for each label");
    let (classes, parts) = (number_of(labels), fractions.len());
    let mut content = vec![vec![0usize; classes]; number_of(groups)]; // [group][class]
    labels.iter().zip(groups).for_each(|(&label, &group)| content[group][label] += 1);

    let totals: Vec<usize> = (0..classes).map(|c| content.iter().map(|g| g[c]).sum()).collect();
    let mut lacking: Vec<Vec<f64>> = fractions.iter().map(|f| totals.iter().map(|&n| f * n as f64).collect()).collect(); // [part][class]
    let mut order = rng.permutation(content.len());
    order.sort_by_key(|&g| std::cmp::Reverse(content[g].iter().sum::<usize>()));

    let mut home = vec![0; content.len()];
    for g in order {
        let welcome = |p: usize| content[g].iter().zip(&lacking[p]).map(|(&n, lack)| n as f64 * lack).sum::<f64>();
        // From the last to the first, so that of equals the first is taken.
        let best = (0..parts).rev().max_by(|&a, &b| welcome(a).total_cmp(&welcome(b))).expect("at least one part");
        home[g] = best;
        content[g].iter().zip(&mut lacking[best]).for_each(|(&n, lack)| *lack -= n as f64);
    }
    fill_gaps(&content, &mut home, fractions);
    groups.iter().map(|&g| home[g]).collect()
}

/// Moves a group to each (part, class) that has none, where another part has a group to spare.
fn fill_gaps(content: &[Vec<usize>], home: &mut [usize], fractions: &[f64]) {
    let classes = content.first().map_or(0, Vec::len);
    let holds = |home: &[usize], part: usize, class: usize| {
        (0..content.len()).filter(|&g| home[g] == part && content[g][class] > 0).count()
    };
    for class in 0..classes {
        for part in (0..fractions.len()).filter(|&p| fractions[p] > 0.0) {
            if holds(home, part, class) > 0 {
                continue;
            }
            // A group may go if every class it brings has another group where it comes from.
            let spare = |g: usize| (0..classes).all(|c| content[g][c] == 0 || holds(home, home[g], c) > 1);
            let smallest = (0..content.len())
                .filter(|&g| content[g][class] > 0 && spare(g))
                .min_by_key(|&g| content[g].iter().sum::<usize>());
            if let Some(g) = smallest {
                home[g] = part;
            }
        }
    }
}

/// One more than the largest number.
fn number_of(numbers: &[usize]) -> usize {
    numbers.iter().max().map_or(0, |m| m + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

    const USUAL: [f64; 3] = [0.70, 0.15, 0.15];

    #[test]
    fn three_hundred_by_hand() {
        assert_eq!(apportion(300, &USUAL), [210, 45, 45]);
        assert_eq!(apportion(10, &USUAL), [7, 2, 1]); // 7.0, 1.5, 1.5: the earlier of equal remainders
        assert_eq!(apportion(3, &USUAL), [1, 1, 1]);
        assert_eq!(apportion(2, &USUAL), [1, 1, 0]);
        assert_eq!(apportion(0, &USUAL), [0, 0, 0]);
        assert_eq!(apportion(17, &[0.70 / 0.85, 0.15 / 0.85]), [14, 3]);
    }

    #[test]
    fn the_seed_decides() {
        let labels: Vec<usize> = (0..90).map(|i| i % 3).collect();
        let draw = |seed| stratified(&labels, &USUAL, &mut Rng::new(seed, "split", 0));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn a_patient_in_two_classes_stays_whole() {
        // Group 0 holds pictures of both classes.
        let (labels, groups) = ([0, 1, 0, 0, 1, 1, 0, 1], [0, 0, 1, 2, 3, 4, 5, 6]);
        let part = stratified_groups(&labels, &groups, &USUAL, &mut Rng::new(5, "split", 0));
        assert_eq!(part[0], part[1]);
    }

    proptest! {
        #[test]
        fn apportionment_is_exact_and_fair(n in 0usize..2000, a in 0.05f64..0.9, b in 0.05f64..0.9) {
            let fractions = [a, b, 0.3].map(|f| f / (a + b + 0.3));
            let parts = apportion(n, &fractions);
            prop_assert_eq!(parts.iter().sum::<usize>(), n);
            if n as f64 * fractions.iter().copied().fold(1.0, f64::min) >= 1.0 {
                for (p, f) in parts.iter().zip(fractions) {
                    prop_assert!((*p as f64 - f * n as f64).abs() < 1.0, "{parts:?} of {n}");
                }
            }
            prop_assert!(n < 3 || parts.iter().all(|&p| p > 0));
        }

        #[test]
        fn classes_are_divided_within_one(labels in prop::collection::vec(0usize..4, 1..300), seed: u64) {
            let part = stratified(&labels, &USUAL, &mut Rng::new(seed, "split", 0));
            prop_assert_eq!(part.len(), labels.len());
            for class in 0..4 {
                let members = (0..labels.len()).filter(|&i| labels[i] == class);
                let n = members.clone().count();
                for p in 0..3 {
                    let got = members.clone().filter(|&i| part[i] == p).count();
                    prop_assert!(n < 4 || (got as f64 - USUAL[p] * n as f64).abs() < 1.0, "{got} of {n} in {p}");
                    prop_assert!(n < 3 || got > 0);
                }
            }
        }

        #[test]
        fn no_group_falls_into_two_parts(
            items in prop::collection::vec((0usize..3, 0usize..40), 1..300), seed: u64
        ) {
            let (labels, groups): (Vec<_>, Vec<_>) = items.into_iter().unzip();
            let part = stratified_groups(&labels, &groups, &USUAL, &mut Rng::new(seed, "split", 0));
            for i in 0..part.len() {
                prop_assert!(part[i] < 3);
                for j in 0..i {
                    prop_assert!(groups[i] != groups[j] || part[i] == part[j]);
                }
            }
        }

        /// With many small groups of one class each, the proportions come out nearly as without groups.
        #[test]
        fn small_groups_keep_the_proportions(sizes in prop::collection::vec((1usize..4, 0usize..2), 60..120), seed: u64) {
            let (mut labels, mut groups) = (vec![], vec![]);
            for (g, (size, label)) in sizes.into_iter().enumerate() {
                labels.extend(std::iter::repeat_n(label, size));
                groups.extend(std::iter::repeat_n(g, size));
            }
            let part = stratified_groups(&labels, &groups, &USUAL, &mut Rng::new(seed, "split", 0));
            for class in 0..2 {
                let n = labels.iter().filter(|&&l| l == class).count();
                for p in 0..3 {
                    let got = (0..part.len()).filter(|&i| labels[i] == class && part[i] == p).count();
                    // A group of 3 may overshoot by 2 what a part still lacks, and three parts share the difference.
                    prop_assert!((got as f64 - USUAL[p] * n as f64).abs() <= 3.0, "{got} of {n} in part {p}");
                    prop_assert!(n < 12 || got > 0);
                }
            }
        }
    }
}
