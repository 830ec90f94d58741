//! The names of all settings and what they mean; what to say to somebody who misspelt one.

use crate::text::guess::nearest;

/// Every key with what it means. The order is that of [`Config`].
pub(super) const KEYS: [(&str, &str); 32] = [
    ("seed", "Seed of everything random but the data: 0 to 9223372036854775807."),
    ("data.source", "`galaxies` (rendered), or the path of a folder or .zip with one sub-folder per class."),
    ("data.size", "Height and width to which images are brought."),
    ("data.color", "`auto` (colour if the training images are), `gray` or `rgb`."),
    ("data.group_by", "Regular expression; its first capture group in a file's name keeps a group in one split."),
    ("data.split", "Fractions of training, validation and test; their sum is 1."),
    ("data.seed", "Seed of the split and of rendered galaxies; runs with another `seed` share the split."),
    ("data.per_class", "Rendered galaxies of each class."),
    (
        "features.names",
        "Any of mean_intensity, standard_deviation, edge_density, concentration, asymmetry, entropy, ellipticity, \
         skewness.",
    ),
    ("features.scaling", "`standard`, or { min_max = { low = 0.0, high = 1.0 } }."),
    ("kmeans.n_init", "Starts, of which the best is kept."),
    ("kmeans.max_iter", "Most iterations of one start."),
    ("mlp.hidden", "Widths of the hidden layers."),
    ("mlp.activation", "`relu`, `leaky_relu`, `tanh`, `sigmoid` or `gelu`."),
    ("mlp.epochs", "Most epochs."),
    ("mlp.patience", "Epochs without a better validation loss after which training stops."),
    ("mlp.batch", "Samples per step."),
    ("mlp.lr", "Adam's learning rate."),
    ("cnn.widths", "Output channels of each block (conv 3x3, ReLU, max-pool 2)."),
    ("cnn.hidden", "Width of the fully connected layer."),
    ("cnn.epochs", "Most epochs."),
    ("cnn.patience", "Epochs without a better validation loss after which training stops."),
    ("cnn.batch", "Samples per step."),
    ("cnn.lr", "Adam's learning rate."),
    ("cnn.flips", "Augmentation: mirrored images."),
    ("cnn.quarter_turns", "Augmentation: images turned by multiples of 90 degrees."),
    ("tsne.perplexity", "Largest perplexity; n samples get at most (n - 1) / 3."),
    ("tsne.n_iter", "Iterations."),
    ("tsne.method", "`auto`, `exact`, `barnes_hut` or `fft`."),
    ("depth.max_samples", "Most validation samples of the depth lesson."),
    ("depth.components", "Dimensions kept by PCA where there are more."),
    ("depth.neighbors", "Neighbours of the k-NN accuracy."),
];

/// What a key means, if there is such a key.
pub(super) fn meaning(key: &str) -> Option<&'static str> {
    KEYS.iter().find(|(known, _)| *known == key).map(|(_, meaning)| *meaning)
}

/// Whether keys begin with this and a dot.
pub(super) fn is_section(key: &str) -> bool {
    KEYS.iter().any(|(known, _)| known.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
}

/// A key of a section.
pub(super) fn first_of(section: &str) -> &'static str {
    KEYS.iter().map(|(key, _)| *key).find(|key| key.starts_with(section)).unwrap_or("seed")
}

/// What to say to somebody who wrote a key that does not exist.
pub(super) fn suggestion(key: &str) -> String {
    let all = || KEYS.iter().map(|(key, _)| *key);
    let last = key.rsplit('.').next().unwrap_or(key);
    let same: Vec<_> = all().filter(|known| known.rsplit('.').next() == Some(last)).map(|k| format!("`{k}`")).collect();
    // Without a section, names are compared without theirs.
    let name = |known: &'static str| if key.contains('.') { known } else { known.rsplit('.').next().unwrap_or(known) };
    let near = || {
        let near = nearest(key, all().map(name))?;
        all().find(|known| name(known) == near).map(|known| format!("`{known}`"))
    };
    let guess = if same.is_empty() { near() } else { Some(same.join(" or ")) };
    let guess = guess.map_or(String::new(), |guess| format!("did you mean {guess}? "));
    format!("{guess}`gradus pipeline --print-config` shows every key")
}
