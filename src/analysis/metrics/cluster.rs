//! Metrics of clusterings: two partitions compared, and groups compared with the distances in their space.

use crate::analysis::{column_means, flat, neighbors, one_label_a_row, samples};
use crate::error::{Error, Result};
use crate::real::Real;
use ndarray::ArrayView2;

/// Returns how often label i of `a` meets label j of `b`.
fn contingency(a: &[usize], b: &[usize]) -> Vec<Vec<usize>> {
    assert_eq!(a.len(), b.len(), "two partitions of the same samples");
    let size = |x: &[usize]| x.iter().max().map_or(0, |m| m + 1);
    let mut table = vec![vec![0usize; size(b)]; size(a)];
    a.iter().zip(b).for_each(|(&i, &j)| table[i][j] += 1);
    table
}

/// Returns the row and column sums.
fn margins(table: &[Vec<usize>]) -> (Vec<usize>, Vec<usize>) {
    let columns = table.first().map_or(0, Vec::len);
    (table.iter().map(|r| r.iter().sum()).collect(), (0..columns).map(|j| table.iter().map(|r| r[j]).sum()).collect())
}

/// Computes the normalized mutual information of two partitions: I(a; b) / ((H(a) + H(b)) / 2), from 0 (independent)
/// to 1 (the same groups, whatever they are called).
///
/// The arithmetic mean is scikit-learn's default. 1 if both partitions have at most one group, also without samples.
/// Panics if the slices differ in length.
pub fn normalized_mutual_information(a: &[usize], b: &[usize]) -> f64 {
    let table = contingency(a, b);
    let (rows, columns) = margins(&table);
    let n = a.len() as f64;
    let entropy = |sizes: &[usize]| -> f64 {
        sizes.iter().filter(|&&s| s > 0).map(|&s| s as f64 / n).map(|p| -p * libm::log(p)).sum()
    };
    let groups = |sizes: &[usize]| sizes.iter().filter(|&&s| s > 0).count();
    match (groups(&rows), groups(&columns)) {
        (0 | 1, 0 | 1) => return 1.0,
        (1, _) | (_, 1) => return 0.0,
        _ => {}
    }
    let mut information = 0.0;
    for (i, row) in table.iter().enumerate() {
        for (j, &count) in row.iter().enumerate().filter(|c| *c.1 > 0) {
            let (joint, independent) = (count as f64 / n, rows[i] as f64 / n * (columns[j] as f64 / n));
            information += joint * libm::log(joint / independent);
        }
    }
    (information / (0.5 * (entropy(&rows) + entropy(&columns)))).clamp(0.0, 1.0)
}

/// Returns the adjusted Rand index (Hubert & Arabie 1985): pairs on whose togetherness two partitions agree, less what
/// chance gives; 1 for the same groups, about 0 for independent ones. Panics if the slices differ in length.
pub fn adjusted_rand(a: &[usize], b: &[usize]) -> f64 {
    let table = contingency(a, b);
    let (rows, columns) = margins(&table);
    let pairs = |n: usize| n as f64 * (n as f64 - 1.0) / 2.0;
    let sum = |sizes: &[usize]| sizes.iter().map(|&s| pairs(s)).sum::<f64>();
    let both: f64 = table.iter().map(|row| sum(row)).sum();
    let (in_a, in_b, all) = (sum(&rows), sum(&columns), pairs(a.len()));
    let (chance, most) = (if all > 0.0 { in_a * in_b / all } else { 0.0 }, (in_a + in_b) / 2.0);
    if most == chance { 1.0 } else { (both - chance) / (most - chance) }
}

/// Returns the number of samples per label; at least two labels must have some.
fn group_sizes(op: &str, rows: usize, labels: &[usize]) -> Result<Vec<usize>> {
    one_label_a_row(op, rows, labels)?;
    let mut sizes = vec![0usize; labels.iter().max().map_or(0, |m| m + 1)];
    labels.iter().for_each(|&l| sizes[l] += 1);
    match sizes.iter().filter(|&&s| s > 0).count() {
        0 | 1 => Err(Error::invalid(format!("{op}: at least two groups are needed, all samples have one label"))),
        _ => Ok(sizes),
    }
}

/// Returns the mean silhouette (Rousseeuw 1987) of the rows of `x` (n x d) under `labels`, from -1 to 1.
///
/// For a sample, a is its mean distance to the others of its group and b that to the nearest other group; its
/// silhouette is (b - a) / max(a, b), and 0 if it is alone. Fails unless there are 2 to n - 1 groups.
pub fn silhouette<T: Real>(x: ArrayView2<'_, T>, labels: &[usize]) -> Result<f64> {
    let values = silhouettes(x, labels)?;
    Ok(values.iter().sum::<f64>() / values.len() as f64)
}

/// Returns the silhouette of each sample, of which [`silhouette`] is the mean.
pub fn silhouettes<T: Real>(x: ArrayView2<'_, T>, labels: &[usize]) -> Result<Vec<f64>> {
    let x = samples("silhouette", x)?;
    let sizes = group_sizes("silhouette", x.nrows(), labels)?;
    if sizes.iter().all(|&s| s <= 1) {
        return Err(Error::invalid("silhouette: every sample is a group of its own; at most n - 1 groups are allowed"));
    }
    Ok(neighbors::map_rows(&x, |i, squared| {
        let mut sums = vec![0.0; sizes.len()];
        for (j, d) in squared.iter().enumerate().filter(|(j, _)| *j != i) {
            sums[labels[j]] += d.to_f64().sqrt();
        }
        let own = labels[i];
        if sizes[own] == 1 {
            return 0.0;
        }
        let inner = sums[own] / (sizes[own] - 1) as f64;
        let others = (0..sizes.len()).filter(|&c| c != own && sizes[c] > 0);
        let outer = others.map(|c| sums[c] / sizes[c] as f64).fold(f64::INFINITY, f64::min);
        let larger = inner.max(outer);
        if larger > 0.0 { (outer - inner) / larger } else { 0.0 }
    }))
}

/// Computes Fisher's ratio of the rows of `x` (n x d): the trace of the scatter between classes over that within,
/// Σ_c n_c |μ_c - μ|² / Σ_i |x_i - μ_{c(i)}|².
///
/// It compares the distances between the classes' means with the widths of the classes. Infinite for classes without
/// any width at different places; 0 if all samples are the same. Fails with fewer than two classes.
pub fn fisher_ratio<T: Real>(x: ArrayView2<'_, T>, labels: &[usize]) -> Result<f64> {
    let x = samples("fisher_ratio", x)?;
    let sizes = group_sizes("fisher_ratio", x.nrows(), labels)?;
    let d = x.ncols();
    let mut means = vec![0.0; sizes.len() * d];
    for (row, &c) in flat(&x).chunks(d).zip(labels) {
        means[c * d..][..d].iter_mut().zip(row).for_each(|(m, v)| *m += v.to_f64());
    }
    for (c, mean) in means.chunks_mut(d).enumerate() {
        mean.iter_mut().for_each(|m| *m /= sizes[c].max(1) as f64);
    }
    let squared = |a: &mut dyn Iterator<Item = (f64, f64)>| a.map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    let overall = column_means(&x);
    let between: f64 = (0..sizes.len())
        .map(|c| sizes[c] as f64 * squared(&mut means[c * d..][..d].iter().copied().zip(overall.iter().copied())))
        .sum();
    let rows = flat(&x).chunks(d).zip(labels);
    let within: f64 = rows
        .map(|(row, &c)| squared(&mut row.iter().map(|v| v.to_f64()).zip(means[c * d..][..d].iter().copied())))
        .sum();
    Ok(if between == 0.0 { 0.0 } else { between / within })
}
