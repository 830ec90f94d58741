//! The categories of a table's columns of words, learned from the training rows alone.
//!
//! A table is read as a whole, before it is split, so its lists of categories name the words of all rows. A word that only
//! validation or test rows hold must not become an input of the model: whatever is learned from such rows makes the test
//! easier than the world will be.

use super::dataset::{ImageData, Images};
use std::collections::BTreeMap;

/// A cell of a validation or test row with a word that no training row has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// The row's name.
    pub row: String,
    /// The name of the column.
    pub column: String,
    /// The word.
    pub word: String,
}

impl ImageData {
    /// Limits the categories of each column to those that training rows have, in their order, and returns the cells of other
    /// rows with a word beside them. Such a word gets the place behind the last category.
    pub fn learn_categories(&mut self) -> Vec<Unknown> {
        let all = self.train.columns.categories.clone();
        let mut unknown = Vec::new();
        for (j, name) in self.train.columns.features.clone().iter().enumerate() {
            let Some(words) = all.get(name) else { continue };
            let mut used = vec![false; words.len()];
            column(&self.train, j).filter(|v| !v.is_nan()).for_each(|v| used[v as usize] = true);
            let kept: Vec<usize> = (0..words.len()).filter(|&i| used[i]).collect();
            let place: BTreeMap<usize, usize> = kept.iter().enumerate().map(|(new, &old)| (old, new)).collect();
            let learned: Vec<String> = kept.iter().map(|&i| words[i].clone()).collect();
            for images in [&mut self.train, &mut self.val, &mut self.test] {
                for (i, v) in column(images, j).enumerate().filter(|(_, v)| !v.is_nan()) {
                    if !place.contains_key(&(v as usize)) {
                        let (row, word) = (images.names[i].clone(), words[v as usize].clone());
                        unknown.push(Unknown { row, column: name.clone(), word });
                    }
                }
                let d = images.width();
                let renumbered = |v: f32| place.get(&(v as usize)).copied().unwrap_or(kept.len()) as f32;
                for row in images.pixels.data_mut().chunks_exact_mut(d) {
                    row[j] = if row[j].is_nan() { row[j] } else { renumbered(row[j]) };
                }
                images.columns.categories.insert(name.clone(), learned.clone());
            }
        }
        unknown
    }
}

/// Column `j` of the rows of a table.
fn column(images: &Images, j: usize) -> impl Iterator<Item = f32> + '_ {
    images.pixels.data().iter().skip(j).step_by(images.width()).copied()
}

#[cfg(test)]
mod tests {
    use crate::data::{Columns, Images};
    use crate::target::Target;
    use crate::tensor::Tensor;

    #[test]
    fn only_words_of_training_rows_are_categories() {
        let words: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        let n = 30;
        // `b` stands in one row alone.
        let rows = Images {
            names: (1..=n).map(|i| format!("row {i}")).collect(),
            pixels: Tensor::from_fn([n, 1, 1, 2], |i| match (i % 2, i / 2) {
                (1, row) => row as f32,
                (_, 7) => 1.0,
                (_, 8) => f32::NAN,
                (_, row) => (row % 2 * 2) as f32,
            }),
            target: Target::Values(Tensor::zeros([n, 1])),
            classes: Vec::new(),
            value_names: vec!["y".into()],
            columns: Columns {
                features: vec!["w".into(), "u".into()],
                categories: [("w".to_owned(), words.clone())].into(),
                ..Columns::default()
            },
        };
        let mut of_train = 0;
        for seed in 0..20 {
            let mut data = rows.clone().divided("rows", [0.6, 0.2, 0.2], seed).unwrap();
            let unknown = data.learn_categories();
            let learned = &data.train.columns.categories["w"];
            if data.train.names.contains(&"row 8".to_owned()) {
                of_train += 1;
                assert_eq!((learned, unknown.len()), (&words, 0));
                continue;
            }
            assert_eq!((learned.join(" "), unknown.len()), ("a c".to_owned(), 1));
            assert_eq!((unknown[0].row.as_str(), unknown[0].word.as_str()), ("row 8", "b"));
            let all = data.splits().map(|(_, images)| images.pixels.data().to_vec()).concat();
            // The unknown word is behind the two known ones; nothing but the words is renumbered.
            assert_eq!(all.chunks(2).filter(|row| row[0] == 2.0).map(|row| row[1]).collect::<Vec<_>>(), [7.0]);
            assert_eq!(all.chunks(2).filter(|row| row[0] == 1.0).count(), 14, "c was 2 and is 1");
        }
        assert!((5..20).contains(&of_train), "both cases were seen: {of_train}");
    }
}
