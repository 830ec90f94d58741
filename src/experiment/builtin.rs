//! The experiments that come with the program: the files of the courses, comments and all.

/// A built-in experiment: its name, and its file.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// The name that `gradus train` and `gradus init` take.
    pub name: &'static str,
    /// The text of the file.
    pub text: &'static str,
}

impl Builtin {
    /// The file's `about`: what it is, in a sentence.
    pub fn about(&self) -> &'static str {
        let line = self.text.lines().find_map(|line| line.strip_prefix("about = \""));
        line.and_then(|rest| rest.strip_suffix('"')).unwrap_or_default()
    }
}

/// Lists files of the folder `builtin` under their names.
macro_rules! builtins {
    ($($name:literal),* $(,)?) => {
        /// All of them, simple ones first.
        pub const ALL: &[Builtin] =
            &[$(Builtin { name: $name, text: include_str!(concat!("builtin/", $name, ".toml")) }),*];
    };
}
builtins![
    "mlp-300",
    "mlp-300-dropout",
    "mlp-1000-dropout",
    "mlp-1000-1000-dropout",
    "mlp-tables",
    "hog-300",
    "hog-128",
    "hog-128-8ep",
    "cnn-small",
    "cnn-small-dropout",
    "cnn-deep",
    "cnn-variants",
    "cnn-shapes",
    "alexnet-digits",
    "cifar-94",
    "resnet18-cifar",
    "vit-mnist",
    "vit-mnist-best",
    "pneumonia",
    "cae-fashion",
    "sae-mnist",
    "denoising-cae-fashion",
    "vae-fashion",
    "vae-mnist",
    "transfer-fashion",
    "perceptron-sine",
    "optimizers-sine",
    "optimizers-mnist",
    "surface",
    "series-ar",
    "series-forest",
    "series-mlp",
    "series-svr",
    "som-moons",
    "som-iris",
    "som-digits",
];

/// The built-in experiment of that name.
pub fn builtin(name: &str) -> Option<Builtin> {
    ALL.iter().copied().find(|known| known.name == name)
}

/// The name that was probably meant by a misspelt one.
pub fn nearest(name: &str) -> Option<&'static str> {
    crate::text::guess::nearest(name, ALL.iter().map(|known| known.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{Source, plan, plan_early, read::to_toml};

    /// Each file is read, has its own name, builds, and comes back from its resolved form.
    #[test]
    fn every_file_is_sound() {
        for known in ALL {
            let experiment = Source::text(known.text, known.name).and_then(|s| s.resolve());
            let experiment = experiment.unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(experiment.name, known.name);
            assert!(!known.about().is_empty(), "{}: about", known.name);
            for variant in Source::text(known.text, known.name).and_then(|s| s.variants()).unwrap() {
                let variant = variant.resolve().unwrap_or_else(|e| panic!("{e}"));
                plan_early(&variant).unwrap();
            }
            let again = Source::text(&to_toml(&experiment), "resolved").unwrap().resolve().unwrap();
            assert_eq!(again, experiment);
        }
    }

    #[test]
    fn the_networks_have_the_parameters_of_the_course() {
        for (name, parameters) in [
            ("mlp-300", 238_510),
            ("mlp-300-dropout", 238_510),
            ("mlp-1000-dropout", 795_010),
            ("hog-300", 117_900 + 3_010),
            ("hog-128", 51_594),
            ("hog-128-8ep", 51_594),
            ("cnn-small", 7_465),
            ("cnn-small-dropout", 7_465),
            ("cnn-deep", 121_757),
            ("sae-mnist", 25_888),
        ] {
            let experiment = Source::text(builtin(name).unwrap().text, name).unwrap().resolve().unwrap();
            let (_, summary) = plan(&experiment, &experiment.input().unwrap(), 10).unwrap();
            assert_eq!(summary.parameters, parameters, "{name}");
        }
    }
}
