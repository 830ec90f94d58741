//! CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test images of 3 x 32 x 32 in ten classes, from the official
//! binary batches.
//!
//! A record is 3,073 bytes: the class, 0 to 9, then the red, the green and the blue plane, row by row. There is no header,
//! so a file is recognized by its length, a whole number of records, and by its checksum if it is the maker's own. Batches
//! with fewer records are read as well; they are just not [`TrainTest::genuine`].

use super::dataset::{Columns, Images};
use super::mnist::hexadecimal;
use super::train_test::TrainTest;
use crate::error::{Error, Result};
use crate::files;
use crate::target::Target;
use crate::tensor::Tensor;
use gradus_kernels::parallel;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The files, the last one of test images, and the SHA-256 of the maker's.
pub const FILES: [(&str, &str); 6] = [
    ("data_batch_1.bin", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
    ("data_batch_2.bin", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
    ("data_batch_3.bin", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
    ("data_batch_4.bin", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
    ("data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
    ("test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"),
];
/// Length of each of the maker's files.
pub const BYTES: usize = 10_000 * RECORD;
/// Names of the classes.
pub const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
/// Channels, height and width of an image.
pub const IMAGE: [usize; 3] = [3, 32, 32];
/// Bytes of an image.
const PIXELS: usize = IMAGE[0] * IMAGE[1] * IMAGE[2];
/// Bytes of a record.
const RECORD: usize = 1 + PIXELS;
/// Most bytes of a file: ten times the maker's.
const MOST: u64 = 10 * BYTES as u64;
/// Where in a folder the files may be: in itself, or where the archive and the frameworks put them.
const PLACES: [&str; 4] = ["", "cifar-10-batches-bin", "cifar-10", "cifar10"];

/// Reads the six files from a folder: pixels in [0, 1], names such as `train/123`.
pub fn load(folder: &Path) -> Result<TrainTest> {
    let paths = find(folder)?;
    let (mut whole, mut genuine, mut batches) = (Sha256::new(), true, Vec::new());
    for (path, (_, sum)) in paths.iter().zip(FILES) {
        let length = std::fs::metadata(path).map_err(Error::io("read", path))?.len();
        let what = match length {
            0 => "is empty".to_owned(),
            _ if length % RECORD as u64 != 0 => {
                format!("has {length} bytes, which is no whole number of records of {RECORD}")
            }
            _ if length > MOST => format!("has {length} bytes: expected {BYTES}"),
            _ => String::new(),
        };
        if !what.is_empty() {
            return Err(Error::data(path, what, "get the file again; it is damaged or no batch of CIFAR-10"));
        }
        let bytes = files::read(path)?;
        if let Some(at) = bytes.chunks_exact(RECORD).position(|record| record[0] > 9) {
            let what = format!("has the label {} in record {}: expected 0 to 9", bytes[at * RECORD], at + 1);
            return Err(Error::data(path, what, "get the file again; it is damaged or no batch of CIFAR-10"));
        }
        whole.update(&bytes);
        genuine &= hexadecimal(&Sha256::digest(&bytes)) == sum;
        batches.push(bytes);
    }
    let test = batches.pop().expect("six files");
    Ok(TrainTest {
        train: images(&batches.concat(), "train"),
        test: images(&test, "test"),
        sha256: hexadecimal(&whole.finalize()),
        genuine,
    })
}

/// Finds the six files in the folder itself, or in a folder in it that has the archive's or a framework's name.
pub fn find(folder: &Path) -> Result<[PathBuf; 6]> {
    let get = "put the six files there, or get them: gradus data get cifar-10 (--from PATH if available)";
    if !folder.is_dir() {
        return Err(Error::data(folder, "is not a folder", get));
    }
    let at = |place: &str, (name, _): (&str, &str)| folder.join(place).join(name);
    let Some(place) = PLACES.into_iter().find(|place| FILES.iter().any(|file| at(place, *file).is_file())) else {
        let what = format!(
            "holds none of the six files of cifar-10; looked for {} and so on, also in {}",
            FILES[0].0,
            PLACES[1..].join(", ")
        );
        return Err(Error::data(folder, what, get));
    };
    let paths = FILES.map(|file| at(place, file));
    match paths.iter().find(|path| !path.is_file()) {
        Some(missing) => Err(Error::data(missing, "is missing, and the other files are here", get)),
        None => Ok(paths),
    }
}

/// The images of some records.
fn images(records: &[u8], split: &str) -> Images {
    let n = records.len() / RECORD;
    let pixels = Tensor::build([n, IMAGE[0], IMAGE[1], IMAGE[2]], |pixels| {
        parallel::chunks(pixels, PIXELS, |i, image| {
            let from = &records[i * RECORD + 1..][..PIXELS];
            image.iter_mut().zip(from).for_each(|(to, &level)| *to = f32::from(level) / 255.0);
        });
    });
    Images {
        names: (0..n).map(|i| format!("{split}/{i}")).collect(),
        pixels,
        target: Target::Classes(records.iter().step_by(RECORD).map(|&label| usize::from(label)).collect()),
        classes: CLASSES.map(String::from).to_vec(),
        columns: Columns::default(),
        value_names: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes six batches of two records: labels rise from file to file, and the pixel (c, y, x) is c + y + x.
    fn small(folder: &Path) {
        for (i, (name, _)) in FILES.iter().enumerate() {
            let record = |label: usize| {
                let pixels = (0..PIXELS).map(|p| (p / 1024 + p % 1024 / 32 + p % 32) as u8);
                std::iter::once(label as u8).chain(pixels).collect::<Vec<u8>>()
            };
            std::fs::write(folder.join(name), [record(i), record(9 - i)].concat()).unwrap();
        }
    }

    #[test]
    fn records_become_images_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("cifar-10-batches-bin");
        std::fs::create_dir(&inner).unwrap();
        small(&inner);
        let all = load(dir.path()).unwrap();
        assert_eq!((all.train.len(), all.test.len(), all.genuine), (10, 2, false));
        assert_eq!(all.train.labels(), [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]);
        assert_eq!((all.test.labels(), &all.test.classes[9][..]), (&[5, 4][..], "truck"));
        assert_eq!(all.test.pixels.at(&[1, 2, 5, 7]), 14.0 / 255.0);
        assert_eq!(all.train.names[9], "train/9");
    }

    #[test]
    fn what_is_no_batch_is_refused_by_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let refusal = || load(dir.path()).unwrap_err().to_string();
        assert!(refusal().contains("holds none of the six files"), "{}", refusal());
        small(dir.path());
        let damage = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes).unwrap();
        damage("data_batch_3.bin", &[0; RECORD + 1]);
        assert!(refusal().contains("data_batch_3.bin") && refusal().contains("no whole number of records"));
        damage("data_batch_3.bin", &[&[0; RECORD][..], &[10; RECORD][..]].concat());
        assert!(refusal().contains("label 10 in record 2"), "{}", refusal());
        damage("data_batch_3.bin", &[]);
        assert!(refusal().contains("is empty"), "{}", refusal());
        std::fs::remove_file(dir.path().join("data_batch_3.bin")).unwrap();
        assert!(refusal().contains("data_batch_3.bin") && refusal().contains("is missing"), "{}", refusal());
    }
}
