//! MNIST and sets of the same form: four IDX files, 60,000 training and 10,000 test images of 28 x 28.
//!
//! LeCun, Cortes and Burges (1998) published the digits; Xiao, Rasul and Vollgraf (2017) clothes in the same form. Many
//! mirrors carry the files under slightly different names and folders, perhaps with other contents: the files are
//! searched under all usual names, and recognized by their checksum ([`Set::sha256`]) if they are the makers' own.
//! Other sets in the same form, or a part of one, are read as well; they are just not [`TrainTest::genuine`].

use super::dataset::{Columns, Images};
use super::idx::Idx;
use super::train_test::TrainTest;
use crate::error::{Error, Result};
use crate::target::Target;
use crate::tensor::Tensor;
use gradus_kernels::parallel;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Which of the sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// Handwritten digits.
    Mnist,
    /// Articles of clothing.
    Fashion,
}

/// The stems of the four files' names, and their numbers of axes.
pub const FILES: [(&str, usize); 4] =
    [("train-images", 3), ("train-labels", 1), ("t10k-images", 3), ("t10k-labels", 1)];

/// The lengths of the four files, unpacked: the same for both sets.
pub const BYTES: [usize; 4] = [47_040_016, 60_008, 7_840_016, 10_008];

impl Set {
    /// Both.
    pub const ALL: [Set; 2] = [Set::Mnist, Set::Fashion];

    /// Returns the names of the classes.
    pub fn classes(self) -> [&'static str; 10] {
        match self {
            Set::Mnist => ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
            Set::Fashion => {
                ["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
            }
        }
    }

    /// Returns the name in experiment files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Set::Mnist => "mnist",
            Set::Fashion => "fashion-mnist",
        }
    }

    /// Returns the SHA-256 of the makers' four files, unpacked, in the order of [`FILES`].
    pub fn sha256(self) -> [&'static str; 4] {
        match self {
            Set::Mnist => [
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ],
            Set::Fashion => [
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ],
        }
    }

    /// Returns where in a folder the files may be: in itself, or where a package or another framework puts them.
    fn places(self) -> [&'static str; 5] {
        match self {
            Set::Mnist => ["", "data", "raw", "mnist", "MNIST/raw"],
            Set::Fashion => ["", "data", "raw", "fashion-mnist", "FashionMNIST/raw"],
        }
    }
}

/// Reads the four files from a folder, plain or gzipped: pixels in [0, 1], names such as `train/123`.
pub fn load(folder: &Path, set: Set) -> Result<TrainTest> {
    let paths = find(folder, set)?;
    let (mut whole, mut genuine, mut files) = (Sha256::new(), true, Vec::new());
    for (i, path) in paths.iter().enumerate() {
        let file = Idx::read(path)?;
        file.feed(&mut whole);
        let sum = hexadecimal(&file.sha256());
        genuine &= sum == set.sha256()[i];
        if let Some(other) = Set::ALL.into_iter().find(|other| *other != set && other.sha256()[i] == sum) {
            let (is, expected) = (other.name(), set.name());
            let help = format!("give the folder of {expected}, or ask for {is}");
            return Err(Error::data(path, format!("belongs to {is}, not to {expected}"), help));
        }
        if file.shape.len() != FILES[i].1 {
            let what = format!("has {} axes: expected {}", file.shape.len(), FILES[i].1);
            return Err(Error::data(path, what, "the files may have been given each other's names"));
        }
        files.push(file);
    }
    let [train, train_labels, test, test_labels] = <[Idx; 4]>::try_from(files).expect("mnist: four files");
    if train.shape[1..] != test.shape[1..] {
        let what = format!("holds images {:?} to train on, but {:?} to test on", &train.shape[1..], &test.shape[1..]);
        return Err(Error::data(folder, what, "the files are not of one set"));
    }
    Ok(TrainTest {
        train: join(folder, &train, &train_labels, set, "train")?,
        test: join(folder, &test, &test_labels, set, "test")?,
        sha256: hexadecimal(&whole.finalize()),
        genuine,
    })
}

/// Finds the four files: `train-images-idx3-ubyte` or `train-images.idx3-ubyte`, plain or `.gz`, in the folder itself
/// or in its `data`, `raw`, or the set's own folder. The first of these that holds any of them must hold all.
pub fn find(folder: &Path, set: Set) -> Result<[PathBuf; 4]> {
    let get =
        format!("put the four files there, or get them: gradus data get {0} (--from PATH if available)", set.name());
    if !folder.is_dir() {
        return Err(Error::data(folder, "is not a folder", get));
    }
    let found = |place: &str, (stem, axes): (&str, usize)| {
        let place = folder.join(place);
        names(stem, axes).into_iter().map(|name| place.join(name)).find(|path| path.is_file())
    };
    let place = set.places().into_iter().find(|place| FILES.iter().any(|file| found(place, *file).is_some()));
    let Some(place) = place else {
        let what = format!(
            "holds none of the four files of {}; looked for {} and so on, also in {}",
            set.name(),
            names(FILES[0].0, FILES[0].1).join(", "),
            set.places()[1..].join(", ")
        );
        return Err(Error::data(folder, what, get));
    };
    let mut paths: [PathBuf; 4] = Default::default();
    for (path, file) in paths.iter_mut().zip(FILES) {
        let Some(there) = found(place, file) else {
            let what = format!("lacks one of the four files: none of {}", names(file.0, file.1).join(", "));
            return Err(Error::data(folder.join(place), what, get));
        };
        *path = there;
    }
    Ok(paths)
}

/// Returns the names under which a file may lie.
pub(crate) fn names(stem: &str, axes: usize) -> [String; 4] {
    [
        format!("{stem}-idx{axes}-ubyte"),
        format!("{stem}-idx{axes}-ubyte.gz"),
        format!("{stem}.idx{axes}-ubyte"),
        format!("{stem}.idx{axes}-ubyte.gz"),
    ]
}

/// Images and their labels.
fn join(folder: &Path, images: &Idx, labels: &Idx, set: Set, split: &str) -> Result<Images> {
    let n = images.shape[0];
    let refuse = |what: String| Err(Error::data(folder, what, "the files are not of one set"));
    if images.data.is_empty() {
        return refuse(format!("holds no {split} images ({:?})", images.shape));
    }
    if labels.shape[0] != n {
        return refuse(format!("holds {n} {split} images, but {} labels", labels.shape[0]));
    }
    if let Some(label) = labels.data.iter().find(|&&label| label > 9) {
        return refuse(format!("holds the label {label}: expected 0 to 9"));
    }
    let (h, w) = (images.shape[1], images.shape[2]);
    let pixels = Tensor::build([n, 1, h, w], |pixels| {
        parallel::chunks(pixels, h * w, |i, image| {
            let from = &images.data[i * h * w..][..image.len()];
            image.iter_mut().zip(from).for_each(|(to, &level)| *to = f32::from(level) / 255.0);
        });
    });
    Ok(Images {
        names: (0..n).map(|i| format!("{split}/{i}")).collect(),
        pixels,
        target: Target::Classes(labels.data.iter().map(|&label| usize::from(label)).collect()),
        classes: set.classes().map(String::from).to_vec(),
        columns: Columns::default(),
        value_names: Vec::new(),
    })
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
