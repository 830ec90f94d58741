//! Splits samples into training, validation and test set.
//!
//! A test is honest only if nothing of it was seen in training. Two rules see to that here. *Stratified*: each class is
//! split in the same proportions, so that a rare class does not fall into one split by chance. *Grouped*: images
//! of one group (ten X-rays of one patient) go to one split, or the network would be rewarded for
//! recognizing the patient. Scikit-learn knows the two as `StratifiedShuffleSplit` and `StratifiedGroupKFold`.
//!
//! The same holds for a part of a split ([`subset`]): files lie class by class, so the first 100 of them may be of one
//! class. Every subset is the beginning of one [`stratified_order`], which makes a smaller one a part of a larger one.

use crate::rng::Rng;
use serde::{Deserialize, Serialize};

/// One of the three parts of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// The training set.
    Train,
    /// The validation set: it decides when to stop, and which epoch and settings to keep.
    Val,
    /// The held-out test set.
    Test,
}

impl Split {
    /// All three, in order.
    pub const ALL: [Split; 3] = [Split::Train, Split::Val, Split::Test];

    /// Returns the name: `train`, `val` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Val => "val",
            Split::Test => "test",
        }
    }
}

/// Divides `n` items into whole parts as close to `fractions` (of sum 1) as whole numbers allow: each part gets its
/// fraction, rounded down, and the rest goes to the largest remainders (Hamilton's method), the earlier part first.
/// Then an empty part takes one from the largest, while that has one to give.
pub fn apportion(n: usize, fractions: &[f64]) -> Vec<usize> {
    let exact: Vec<f64> = fractions.iter().map(|f| f * n as f64).collect();
    // 0.15 * 300 is 44.99999..: the tiny addition keeps what is whole in decimals whole.
    let mut parts: Vec<usize> = exact.iter().map(|s| (s + 1e-9).floor() as usize).collect();
    let mut order: Vec<usize> = (0..fractions.len()).collect();
    let remainder = |i: usize, parts: &[usize]| exact[i] - parts[i] as f64;
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

/// Returns for each item the number of its part: each class is shuffled and divided by [`apportion`].
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

/// Returns for each item the number of its fold, from 0 to k - 1: each class is shuffled and dealt out, one item to each fold in
/// turn, and the next class begins with the fold after. So the folds' sizes differ by one at most, and so do the numbers of a
/// class in them (stratified k-fold; Kohavi 1995).
///
/// ```
/// use gradus::data::split::folds;
/// use gradus::rng::Rng;
///
/// let classes = [0, 0, 0, 0, 0, 0, 1, 1, 1];
/// let of = folds(&classes, 3, &mut Rng::new(1, "folds", 0));
/// for fold in 0..3 {
///     let count = |class| (0..9).filter(|&i| of[i] == fold && classes[i] == class).count();
///     assert_eq!((count(0), count(1)), (2, 1));
/// }
/// ```
pub fn folds(labels: &[usize], k: usize, rng: &mut Rng) -> Vec<usize> {
    let (mut fold, mut dealt) = (vec![0; labels.len()], 0);
    for class in 0..number_of(labels) {
        let mut members: Vec<usize> = (0..labels.len()).filter(|&i| labels[i] == class).collect();
        rng.shuffle(&mut members);
        for i in members {
            fold[i] = dealt % k.max(1);
            dealt += 1;
        }
    }
    fold
}

/// Splits as [`stratified`] does, with all items of the same number in `groups` in one part.
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

/// Returns the first class, if any, that has fewer items than there are `parts` to be made of it: one of them would
/// lack the class. `counts` holds the number of items of each class. Folders, tables and arrays all refuse such a
/// class before they split.
pub fn too_small(counts: &[usize], parts: usize) -> Option<usize> {
    counts.iter().position(|&n| n < parts)
}

/// Returns the items 0, .., N - 1 in a random order of which every beginning is a stratified sample.
///
/// With N_c items of class c, the first n of the order hold a_c(n) of them. The order begins with one item of each
/// class, the larger classes first, so that no class is missing from n items or more if there are n classes. From
/// there
/// |a_c(n) - n N_c / N| < 1 for each class wherever n N_c / N >= 1 for all: as exact as whole numbers allow.
///
/// This is Tijdeman's chairman assignment (1980), with the deadlines of Steiner and Yeomans (1993): the j-th item of
/// class c may stand at place n as soon as n N_c / N > j - 1, and must as soon as n N_c / N >= j; of the classes that
/// may, the one with the earliest deadline goes first. Within a class the order is a random permutation by `rng`.
pub fn stratified_order(labels: &[usize], rng: &mut Rng) -> Vec<usize> {
    beginning(labels, labels.len(), rng)
}

/// Returns the numbers of `n` items (all, if there are fewer), ascending: a stratified sample by the stream
/// ("subset", 0) of `seed`. For one `seed` and the same labels the sample of 100 is a part of the sample of 1,000.
pub fn subset(labels: &[usize], n: usize, seed: u64) -> Vec<usize> {
    if n >= labels.len() {
        return (0..labels.len()).collect();
    }
    let mut chosen = beginning(labels, n, &mut Rng::new(seed, "subset", 0));
    chosen.sort_unstable();
    chosen
}

/// Returns the first `most` items of [`stratified_order`].
fn beginning(labels: &[usize], most: usize, rng: &mut Rng) -> Vec<usize> {
    let mut members = vec![vec![]; number_of(labels)];
    labels.iter().enumerate().for_each(|(i, &label)| members[label].push(i));
    members.iter_mut().for_each(|class| rng.shuffle(class));
    // Equally large classes in random order.
    let mut classes: Vec<usize> = rng.permutation(members.len());
    classes.retain(|&c| !members[c].is_empty());
    classes.sort_by_key(|&c| std::cmp::Reverse(members[c].len()));

    let all = labels.len();
    let mut taken = vec![0; members.len()];
    let mut order = Vec::with_capacity(most);
    for place in 1..=most.min(all) {
        let next = match classes.get(place - 1) {
            Some(&first) => first,
            None => {
                let may = classes.iter().copied().filter(|&c| taken[c] * all < place * members[c].len());
                let deadline = |&c: &usize| ((taken[c] + 1) * all).div_ceil(members[c].len());
                may.min_by_key(deadline).expect("fewer items are taken than there are places, so a class lags behind")
            }
        };
        order.push(members[next][taken[next]]);
        taken[next] += 1;
    }
    order
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
    fn an_order_by_hand() {
        // Nine of class 0 and three of class 1: first one of each; of class 1 there are two by place 8 and three by
        // place 12.
        let labels: Vec<usize> = (0..12).map(|i| usize::from(i >= 9)).collect();
        let order = stratified_order(&labels, &mut Rng::new(3, "subset", 0));
        let classes: Vec<usize> = order.iter().map(|&i| labels[i]).collect();
        assert_eq!(classes, [0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
        assert_eq!(subset(&[], 5, 0), [0; 0]);
        assert_eq!(subset(&[0, 0, 1], 9, 0), [0, 1, 2]);
        assert_eq!(too_small(&[3, 2, 5], 3), Some(1));
        assert_eq!(too_small(&[3, 3], 3), None);
    }

    #[test]
    fn a_patient_in_two_classes_stays_whole() {
        // Group 0 holds images of both classes.
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
        fn folds_are_even_in_size_and_in_each_class(labels in prop::collection::vec(0usize..4, 1..200), k in 1usize..8, seed: u64) {
            let fold = folds(&labels, k, &mut Rng::new(seed, "folds", 0));
            let even = |of: &dyn Fn(usize) -> usize| {
                let counts: Vec<usize> = (0..k).map(of).collect();
                counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1
            };
            prop_assert!(even(&|f| fold.iter().filter(|&&g| g == f).count()));
            for class in 0..4 {
                prop_assert!(even(&|f| (0..labels.len()).filter(|&i| fold[i] == f && labels[i] == class).count()));
            }
        }

        /// Every beginning holds each class within one of its proportion as soon as each is owed one item, and no
        /// class is missing once there are as many items as classes.
        #[test]
        fn every_beginning_is_stratified(labels in prop::collection::vec(0usize..5, 1..200), seed: u64) {
            let order = stratified_order(&labels, &mut Rng::new(seed, "subset", 0));
            let mut sorted = order.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..labels.len()).collect::<Vec<_>>());
            let (mut total, mut taken) = ([0usize; 5], [0usize; 5]);
            labels.iter().for_each(|&l| total[l] += 1);
            let occurring: Vec<usize> = (0..5).filter(|&c| total[c] > 0).collect();
            for (i, &item) in order.iter().enumerate() {
                taken[labels[item]] += 1;
                let owed = |c: usize| (i + 1) as f64 * total[c] as f64 / labels.len() as f64;
                let exact = occurring.iter().all(|&c| owed(c) >= 1.0);
                for &c in &occurring {
                    prop_assert!(!exact || (taken[c] as f64 - owed(c)).abs() < 1.0, "{taken:?} of {total:?}");
                    prop_assert!(i + 1 < occurring.len() || taken[c] > 0);
                }
            }
        }

        /// A smaller subset is a part of a larger one; the seed decides, and nothing else.
        #[test]
        fn subsets_are_nested(labels in prop::collection::vec(0usize..4, 2..120), a in 0usize..120, b in 0usize..120, seed: u64) {
            let (small, large) = (subset(&labels, a.min(b), seed), subset(&labels, a.max(b), seed));
            prop_assert_eq!(small.len(), a.min(b).min(labels.len()));
            prop_assert!(small.windows(2).all(|w| w[0] < w[1]));
            prop_assert!(small.iter().all(|i| large.contains(i)));
            prop_assert_eq!(&small, &subset(&labels, a.min(b), seed));
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
                    // A group of 3 may overshoot by 2 what a part still lacks, and the difference is spread over three
                    // parts.
                    prop_assert!((got as f64 - USUAL[p] * n as f64).abs() <= 3.0, "{got} of {n} in part {p}");
                    prop_assert!(n < 12 || got > 0);
                }
            }
        }
    }
}
