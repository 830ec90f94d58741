//! Suggestions for unknown words: the same word in another spelling, another library's name for it, or the known word
//! at a small edit distance.
//!
//! A suggestion that is far off is worse than none: it sends the reader to look for a connection that is not there.

/// What other libraries (and people) call our keys, layers, losses and optimizers.
const ELSEWHERE: [(&str, &str); 46] = [
    // keys
    ("learning_rate", "lr"),
    ("rho", "alpha"),
    ("epsilon", "eps"),
    ("kernel_size", "kernel"),
    ("out_channels", "filters"),
    ("out_features", "units"),
    ("strides", "stride"),
    ("rate", "p"),
    ("batch_size", "batch"),
    ("clipnorm", "clip_norm"),
    ("clipvalue", "clip_value"),
    ("n_epochs", "epochs"),
    ("num_epochs", "epochs"),
    ("validation_split", "val"),
    ("val_split", "val"),
    ("test_split", "test"),
    ("class_weight", "class_weights"),
    ("scheduler", "schedule"),
    ("lr_scheduler", "schedule"),
    ("random_state", "seed"),
    ("dir", "path"),
    ("folder", "path"),
    ("criterion", "loss"),
    ("augmentation", "augment"),
    // layers
    ("dense", "linear"),
    ("fc", "linear"),
    ("fully_connected", "linear"),
    ("conv", "conv2d"),
    ("convolution", "conv2d"),
    ("maxpool", "max_pool2d"),
    ("max_pooling2d", "max_pool2d"),
    ("avgpool", "avg_pool2d"),
    ("average_pooling2d", "avg_pool2d"),
    ("global_average_pooling2d", "global_avg_pool2d"),
    ("batchnorm2d", "batch_norm"),
    ("batchnorm1d", "batch_norm"),
    ("batch_normalization", "batch_norm"),
    ("layer_normalization", "layer_norm"),
    ("deconv", "conv_transpose2d"),
    ("conv2d_transpose", "conv_transpose2d"),
    ("upsampling2d", "upsample2d"),
    ("reshape", "unflatten"),
    // losses
    ("categorical_crossentropy", "cross_entropy"),
    ("sparse_categorical_crossentropy", "cross_entropy"),
    ("binary_crossentropy", "bce"),
    ("nll_loss", "nll"),
];

/// A word without what is written in many ways: capitals, hyphens, underscores.
fn plain(word: &str) -> String {
    word.chars().filter(|c| !['-', '_'].contains(c)).flat_map(char::to_lowercase).collect()
}

/// Returns our name for another library's word.
fn ours(word: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(theirs, _)| plain(theirs) == plain(word)).map(|(_, ours)| *ours)
}

/// The word among `words` that `word` is another spelling of, or another library's name for.
pub fn spelt<'a>(word: &str, words: impl IntoIterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let known = |wanted: &str| words.clone().into_iter().find(|known| plain(known) == plain(wanted));
    known(word).or_else(|| known(ours(word)?))
}

/// The word among `words` that was probably meant by `word`; none if nothing comes near.
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str> + Clone) -> Option<&'a str> {
    if let Some(word) = spelt(word, words.clone()) {
        return Some(word);
    }
    // One slip in three letters is still a word that can be recognized (Damerau 1964); of equals the one that begins
    // alike.
    let slips = |known: &&str| strsim::damerau_levenshtein(word, known);
    let alike = |known: &&str| word.chars().zip(known.chars()).take_while(|(a, b)| a == b).count();
    words
        .into_iter()
        .min_by_key(|known| (slips(known), std::cmp::Reverse(alike(known))))
        .filter(|known| slips(known) <= (word.chars().count() / 3).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_libraries_words_are_known() {
        let layers = ["linear", "conv2d", "max_pool2d", "batch_norm", "global_avg_pool2d"];
        for (theirs, expected) in [
            ("dense", "linear"),
            ("Dense", "linear"),
            ("fc", "linear"),
            ("conv", "conv2d"),
            ("maxpool", "max_pool2d"),
            ("MaxPool2d", "max_pool2d"),
            ("MaxPooling2D", "max_pool2d"),
            ("batchnorm", "batch_norm"),
            ("BatchNorm2d", "batch_norm"),
            ("lineer", "linear"),
        ] {
            assert_eq!(nearest(theirs, layers), Some(expected), "{theirs}");
        }
        assert_eq!(nearest("learning_rate", ["lr", "eps"]), Some("lr"));
    }

    #[test]
    fn what_is_far_off_is_not_guessed() {
        assert_eq!(nearest("mien.toml", ["mlp-300", "hog-128"]), None);
        assert_eq!(nearest("transformer", ["linear", "conv2d"]), None);
        assert_eq!(nearest("x", ["lr", "eps"]), None);
        assert_eq!(nearest("mlp-30", ["mlp-300", "hog-300"]), Some("mlp-300"));
        assert_eq!(nearest("P8 train", ["P1 train", "P8a train"]), Some("P8a train"));
    }
}
