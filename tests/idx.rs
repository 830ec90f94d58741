//! IDX files whole, damaged and hostile, and sets in MNIST's form under all the names they go by.

use flate2::{Compression, write::GzEncoder};
use gradus::data::Idx;
use gradus::data::mnist::{self, Set};
use gradus::rng::Rng;
use gradus_kernels::counting::{Counting, bytes_during};
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use tempfile::{TempDir, tempdir};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes are counted for the whole process: one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn idx(shape: &[usize]) -> Vec<u8> {
    let n: usize = shape.iter().product();
    Idx { shape: shape.to_vec(), data: (0..n).map(|i| (i * 7 % 10) as u8).collect() }.to_bytes()
}

/// One to four small damages: a bit, a byte, a hostile number, a cut, something doubled, put in or taken out.
fn mutate(bytes: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..1 + rng.below(4) {
        if bytes.is_empty() {
            return;
        }
        // Headers are where the harm is done: half of the damages hit the first 24 bytes.
        let limit = if rng.chance(0.5) { bytes.len().min(24) } else { bytes.len() };
        let at = rng.below(limit);
        match rng.below(7) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.bits() as u8,
            2 => bytes[at] = [0, 0xff, 0x7f, 0x80][rng.below(4)],
            3 => bytes.truncate(at),
            4 => {
                let end = (at + 1 + rng.below(16)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            5 => drop(bytes.remove(at)),
            _ => bytes.insert(at, rng.bits() as u8),
        }
    }
}

#[test]
fn twenty_thousand_mutants_neither_panic_nor_ask_for_memory() {
    let _alone = ALONE.lock().unwrap();
    let seeds = [idx(&[300]), idx(&[4, 5, 6]), idx(&[1, 2, 3, 1, 2, 3]), idx(&[0, 28, 28])];
    let (mut taken, mut refused) = (0, 0);
    for number in 0..20_000 {
        let rng = &mut Rng::new(20261120, "mutant", number);
        let mut bytes = seeds[rng.below(seeds.len())].clone();
        // Plain; damaged and then packed; packed and then damaged.
        let way = rng.below(3);
        if way == 2 {
            bytes = gzip(&bytes);
        }
        mutate(&mut bytes, rng);
        if way == 1 {
            bytes = gzip(&bytes);
        }
        let (result, allocated) = bytes_during(|| Idx::from_bytes(&bytes).map(|idx| (idx.shape, idx.data.len())));
        match result {
            Ok((shape, n)) => {
                assert_eq!(shape.iter().product::<usize>(), n);
                taken += 1;
            }
            Err(error) => {
                assert_eq!(error.exit_code(), 3, "{error}");
                refused += 1;
            }
        }
        // The unpacker's own tables are 60 KB; a mutant holds a few hundred bytes, and deflate packs 1 : 1032 at most.
        assert!(allocated < 1 << 20, "mutant {number} of {} bytes allocated {allocated}", bytes.len());
    }
    // Damage to a label keeps the format valid; most other damage does not.
    assert!(taken > 1000 && refused > 10_000, "{taken} taken, {refused} refused");
}

#[test]
fn a_bomb_is_put_down_early() {
    let _alone = ALONE.lock().unwrap();
    // 64 MiB of zeros behind a header for ten numbers, and behind one for 4 GiB.
    for (head, words) in [
        (vec![0, 0, 8, 1, 0, 0, 0, 10], "10 numbers, but holds more"),
        ([vec![0, 0, 8, 1], vec![0xff; 4]].concat(), "at most 1073741824 numbers"),
    ] {
        let bomb = gzip(&[head, vec![0; 64 << 20]].concat());
        assert!(bomb.len() < 100_000);
        let (result, allocated) = bytes_during(|| Idx::from_bytes(&bomb));
        let refusal = result.unwrap_err().to_string();
        assert!(refusal.contains(words), "{refusal}");
        assert!(allocated < 1 << 20, "{allocated} bytes for {words}");
    }
}

// ---- sets -------------------------------------------------------------------------------------------------------

/// A tiny set: 6 images of 4 x 3 to train on, 4 to test on.
fn files() -> [(&'static str, usize, Vec<u8>); 4] {
    [
        ("train-images", 3, idx(&[6, 4, 3])),
        ("train-labels", 1, idx(&[6])),
        ("t10k-images", 3, idx(&[4, 4, 3])),
        ("t10k-labels", 1, idx(&[4])),
    ]
}

fn write(place: &str, separator: char, packed: bool) -> TempDir {
    let dir = tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join(place)).unwrap();
    for (stem, axes, bytes) in files() {
        let (bytes, end) = if packed { (gzip(&bytes), ".gz") } else { (bytes, "") };
        let name = format!("{stem}{separator}idx{axes}-ubyte{end}");
        std::fs::write(dir.path().join(place).join(name), bytes).unwrap();
    }
    dir
}

fn refusal(folder: &Path, set: Set) -> String {
    let error = mnist::load(folder, set).expect_err("must be refused");
    assert_eq!(error.exit_code(), 3, "{error}");
    error.to_string()
}

#[test]
fn all_usual_names_and_places_are_found() {
    let _alone = ALONE.lock().unwrap();
    let mut sums = vec![];
    for (set, place, separator, packed) in [
        (Set::Mnist, "", '-', false),
        (Set::Mnist, "", '.', false),
        (Set::Fashion, "", '-', true),
        (Set::Fashion, "", '.', true),
        (Set::Mnist, "data", '-', false),
        (Set::Mnist, "MNIST/raw", '-', false),
        (Set::Mnist, "mnist", '-', true),
        (Set::Fashion, "FashionMNIST/raw", '-', true),
        (Set::Fashion, "fashion-mnist", '-', true),
    ] {
        let dir = write(place, separator, packed);
        let all = mnist::load(dir.path(), set).unwrap();
        assert_eq!(all.train.pixels.shape(), [6, 1, 4, 3]);
        assert_eq!(all.test.pixels.shape(), [4, 1, 4, 3]);
        assert_eq!(all.train.labels(), [0, 7, 4, 1, 8, 5]);
        assert_eq!(all.train.pixels.data()[..3], [0.0, 7.0 / 255.0, 4.0 / 255.0]);
        assert_eq!(all.test.names[3], "test/3");
        assert_eq!(all.train.classes, set.classes());
        assert!(!all.genuine);
        sums.push(all.sha256);
    }
    // The same contents have the same sum, however they are packed.
    assert!(sums.iter().all(|sum| *sum == sums[0] && sum.len() == 64));
}

#[test]
fn what_is_missing_is_named() {
    let _alone = ALONE.lock().unwrap();
    let empty = tempdir().unwrap();
    let words = refusal(empty.path(), Set::Mnist);
    assert!(
        words.contains("none of the four files of mnist") && words.contains("train-images.idx3-ubyte.gz"),
        "{words}"
    );
    assert!(words.contains("gradus data get mnist"), "{words}");
    assert!(refusal(&empty.path().join("nowhere"), Set::Fashion).contains("is not a folder"));

    let dir = write("", '-', false);
    std::fs::remove_file(dir.path().join("t10k-labels-idx1-ubyte")).unwrap();
    let words = refusal(dir.path(), Set::Fashion);
    assert!(words.contains("none of t10k-labels-idx1-ubyte, t10k-labels-idx1-ubyte.gz"), "{words}");
    assert!(words.contains("gradus data get fashion-mnist"), "{words}");
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let _alone = ALONE.lock().unwrap();
    let with = |name: &str, bytes: &[u8]| {
        let dir = write("", '-', false);
        std::fs::write(dir.path().join(name), bytes).unwrap();
        refusal(dir.path(), Set::Mnist)
    };
    assert!(with("train-labels-idx1-ubyte", &idx(&[5])).contains("6 train images, but 5 labels"));
    assert!(with("train-labels-idx1-ubyte", &idx(&[6, 1])).contains("2 axes: expected 1"));
    assert!(with("t10k-images-idx3-ubyte", &idx(&[4, 3, 4])).contains("[4, 3] to train on, but [3, 4]"));
    assert!(with("t10k-images-idx3-ubyte", &idx(&[4, 4, 3])[..30]).contains("48 numbers, but holds 14"));
    let twelve = Idx { shape: vec![4], data: vec![1, 2, 12, 3] }.to_bytes();
    assert!(with("t10k-labels-idx1-ubyte", &twelve).contains("the label 12"));
    let none = Idx { shape: vec![0, 4, 3], data: vec![] }.to_bytes();
    assert!(with("t10k-images-idx3-ubyte", &none).contains("no test images"));
}

/// The real sets, if the variable GRADUS_DATA names a folder that holds `mnist/` and `fashion-mnist/`.
#[test]
fn the_real_sets_are_genuine() {
    let _alone = ALONE.lock().unwrap();
    let Some(root) = std::env::var_os("GRADUS_DATA") else {
        println!("skipped: GRADUS_DATA is not set");
        return;
    };
    for (set, mean, std) in [(Set::Mnist, 0.1307, 0.3081), (Set::Fashion, 0.2860, 0.3530)] {
        let all = mnist::load(Path::new(&root), set).unwrap();
        assert!(all.genuine);
        assert_eq!((all.train.len(), all.test.len()), (60_000, 10_000));
        let scale = gradus::train::Normalization::fit(&all.train.pixels).unwrap();
        assert!((scale.mean[0] - mean).abs() < 1e-4 && (scale.std[0] - std).abs() < 1e-4, "{scale:?}");
    }
    let wrong = mnist::load(&Path::new(&root).join("mnist"), Set::Fashion).unwrap_err().to_string();
    assert!(wrong.contains("belongs to mnist, not to fashion-mnist"), "{wrong}");
}
