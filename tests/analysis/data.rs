//! Folders and zips as users have them: tidy, untidy, damaged and hostile. All images are made here, at run time.

use gradus::Error;
use gradus::data::{self, Color, FolderOptions, ImageData, LeakKind};
use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, Rgb};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Write};
use std::path::Path;
use tempfile::{TempDir, tempdir};

/// A gray image of its own for each `number`.
fn gray(number: usize) -> DynamicImage {
    ImageBuffer::from_fn(12, 10, |x, y| Luma([((x as usize * 7 + y as usize * 13) * (number + 1) + number) as u8]))
        .into()
}

fn coloured(number: usize) -> DynamicImage {
    ImageBuffer::from_fn(12, 10, |x, y| Rgb([(x * 20) as u8, (y * 20) as u8, number as u8])).into()
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png(number: usize) -> Vec<u8> {
    encoded(&gray(number), ImageFormat::Png)
}

fn jpeg(number: usize) -> Vec<u8> {
    encoded(&gray(number), ImageFormat::Jpeg)
}

type Files = Vec<(String, Vec<u8>)>;

/// `n` different images for each class, below `prefix`; numbers start at `from`.
fn classes(prefix: &str, names: &[&str], from: usize, n: usize) -> Files {
    let file = |c: usize, i: usize| (format!("{prefix}{}/img{i}.png", names[c]), png(from + 100 * c + i));
    (0..names.len()).flat_map(|c| (0..n).map(move |i| file(c, i))).collect()
}

fn write(files: &Files) -> TempDir {
    let dir = tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    dir
}

fn zipped(files: &Files) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(vec![]));
    for (name, bytes) in files {
        zip.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn small() -> FolderOptions {
    FolderOptions { size: 8, ..FolderOptions::default() }
}

fn load(path: &Path, options: &FolderOptions) -> gradus::Result<ImageData> {
    data::load(path, options, &mut |_, _| {})
}

fn load_files(files: &Files) -> ImageData {
    load(write(files).path(), &small()).unwrap()
}

fn load_zip(bytes: &[u8]) -> gradus::Result<ImageData> {
    let dir = tempdir().unwrap();
    let path = dir.path().join("images.zip");
    std::fs::write(&path, bytes).unwrap();
    load(&path, &small())
}

/// The message of an error that must be about data (exit code 3).
fn complaint(result: gradus::Result<ImageData>) -> String {
    let error = result.expect_err("must be refused");
    assert_eq!(error.exit_code(), 3, "{error}");
    assert!(error.to_string().contains("help: "), "{error}");
    error.to_string()
}

fn names(data: &ImageData) -> Vec<String> {
    data.splits().iter().flat_map(|(_, images)| images.names.clone()).collect()
}

// ---- layouts ----------------------------------------------------------------------------------------------------

#[test]
fn one_folder_per_class() {
    let files = classes("", &["b", "a", "c10", "c9"], 0, 20);
    let dir = write(&files);
    let mut reports = vec![];
    let data = data::load(dir.path(), &small(), &mut |done, total| reports.push((done, total))).unwrap();
    assert_eq!(data.classes, ["a", "b", "c9", "c10"]);
    assert_eq!(data.train.counts(), [14; 4]);
    assert_eq!(data.val.counts(), [3; 4]);
    assert_eq!(data.test.counts(), [3; 4]);
    assert_eq!(data.train.pixels.shape(), [56, 1, 8, 8]);
    assert!(!data.given_splits && data.skipped.is_empty() && data.leakage.is_empty() && data.grouped.is_none());
    assert_eq!(reports.first(), Some(&(0, 80)));
    assert_eq!(reports.last(), Some(&(80, 80)));
    // Exactly the files, each once, each in its own class.
    let found: BTreeSet<String> = names(&data).into_iter().collect();
    assert_eq!(found, files.iter().map(|f| f.0.clone()).collect());
    assert_eq!(names(&data).len(), files.len());
    for (_, images) in data.splits() {
        for (name, &label) in images.names.iter().zip(images.labels()) {
            assert!(name.starts_with(&format!("{}/", data.classes[label])));
        }
    }
    // The pixels are those of the file.
    let alone = data::read_image(&dir.path().join(&data.test.names[4]), 1, 8).unwrap();
    assert_eq!(alone, data.test.pixels.gather(&[4]));
    let part = data.test.subset(&[4, 0]);
    assert_eq!(
        (part.len(), part.names[0].clone(), part.labels()[0]),
        (2, data.test.names[4].clone(), data.test.labels()[4])
    );
}

#[test]
fn the_seed_decides_the_split_and_nothing_else_does() {
    let dir = write(&classes("", &["a", "b"], 0, 20));
    let with = |seed| load(dir.path(), &FolderOptions { seed, ..small() }).unwrap();
    assert_eq!(with(1).test.names, with(1).test.names);
    assert_eq!(with(1).test.pixels, with(1).test.pixels);
    assert_ne!(with(1).test.names, with(2).test.names);
    assert_eq!(with(1).sha256, with(2).sha256);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(|| with(1));
    let three = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap().install(|| with(1));
    assert_eq!((one.train.pixels, one.sha256), (three.train.pixels, three.sha256));
}

#[test]
fn given_splits_are_kept_and_missing_ones_carved() {
    let classes_of = |prefix: &str, from, n| classes(prefix, &["x", "y"], from, n);
    let train = || classes_of("train/", 0, 17);
    let test = || classes_of("test/", 1000, 4);
    let val = || classes_of("Validation/", 2000, 5);

    let all = load_files(&[train(), val(), test()].concat());
    assert!(all.given_splits);
    assert_eq!([all.train.counts(), all.val.counts(), all.test.counts()], [[17; 2], [5; 2], [4; 2]]);
    assert!(all.test.names.iter().all(|n| n.starts_with("test/")));
    assert!(all.val.names.iter().all(|n| n.starts_with("Validation/")));

    let no_val = load_files(&[train(), test()].concat());
    assert_eq!([no_val.train.counts(), no_val.val.counts(), no_val.test.counts()], [[14; 2], [3; 2], [4; 2]]);
    assert!(no_val.val.names.iter().all(|n| n.starts_with("train/")));

    let no_test = load_files(&[train(), val()].concat());
    assert_eq!([no_test.train.counts(), no_test.val.counts(), no_test.test.counts()], [[14; 2], [5; 2], [3; 2]]);

    let alone = load_files(&classes_of("train/", 0, 20));
    assert_eq!([alone.train.counts(), alone.val.counts(), alone.test.counts()], [[14; 2], [3; 2], [3; 2]]);

    assert!(complaint(load(write(&[val(), test()].concat()).path(), &small())).contains("no train folder"));
    let twice = [train(), val(), classes_of("val/", 3000, 4)].concat();
    assert!(complaint(load(write(&twice).path(), &small())).contains("Validation and val"));
    let unknown = [train(), classes("test/", &["x", "y", "z"], 1000, 4)].concat();
    assert!(complaint(load(write(&unknown).path(), &small())).contains("class `z` has 0 readable images in train"));
    let partly = [train(), classes("test/", &["x"], 1000, 4)].concat();
    assert!(complaint(load(write(&partly).path(), &small())).contains("test has no readable image of class `y`"));
    // A class may be called train.
    let vehicles = load_files(&classes("", &["car", "train"], 0, 8));
    assert_eq!((vehicles.given_splits, vehicles.classes), (false, vec!["car".to_owned(), "train".to_owned()]));
}

#[test]
fn clutter_and_a_wrapping_folder_are_skipped() {
    for inner in ["", "train/"] {
        let mut files = classes(&format!("my images/{inner}"), &["a", "b"], 0, 8);
        for (name, bytes) in [
            ("my images/.DS_Store", b"x".to_vec()),
            ("__MACOSX/my images/a/._img0.png", b"x".to_vec()),
            ("my images/a/Thumbs.db", b"x".to_vec()),
            ("my images/a/.hidden.png", png(1)),
            ("my images/.cache/q/img.png", png(1)),
            ("my images/README.txt", b"words".to_vec()),
            ("my images/notes/about.md", b"words".to_vec()),
            ("my images/a/labels.csv", b"1,2".to_vec()),
        ] {
            files.push((name.to_owned(), bytes));
        }
        let folder = load_files(&files);
        let zip = load_zip(&zipped(&files)).unwrap();
        for data in [&folder, &zip] {
            assert_eq!(data.classes, ["a", "b"]);
            assert_eq!(names(data).len(), 16);
            assert_eq!(data.skipped, []);
            assert_eq!(data.given_splits, !inner.is_empty());
        }
        // A zip is its folder: same splits, same pixels, same hash; and the wrapping does not count.
        assert_eq!((&folder.test.names, &folder.test.pixels), (&zip.test.names, &zip.test.pixels));
        assert_eq!(folder.sha256, zip.sha256);
        assert_eq!(folder.sha256, load_files(&classes(inner, &["a", "b"], 0, 8)).sha256);
    }
}

#[test]
fn images_without_a_class_are_listed() {
    let mut files = classes("train/", &["a", "b"], 0, 8);
    files.push(("loose.png".into(), png(1)));
    files.push(("extra/a/img.png".into(), png(2)));
    files.push(("extra/a/img2.png".into(), png(3)));
    files.push(("train/a/deeper/img.png".into(), png(4)));
    let data = load_files(&files);
    assert_eq!(names(&data).len(), 17);
    let skipped: Vec<(&str, &str)> = data.skipped.iter().map(|s| (&*s.path, &*s.reason)).collect();
    assert_eq!(
        skipped,
        [(".", "1 image lies outside the class folders"), ("extra", "2 images lie outside the class folders")]
    );
}

// ---- images ---------------------------------------------------------------------------------------------------

#[test]
fn formats_endings_and_depths() {
    let sixteen = ImageBuffer::from_fn(12, 10, |x, y| Luma([(x * 5000 + y) as u16]));
    let mut files = classes("", &["a", "b"], 0, 5);
    files.push(("a/camera.JPG".into(), jpeg(50)));
    files.push(("a/photo.jpeg".into(), jpeg(51)));
    files.push(("a/is-a-jpeg.png".into(), jpeg(52)));
    files.push(("a/sixteen.PNG".into(), encoded(&sixteen.clone().into(), ImageFormat::Png)));
    let data = load_files(&files);
    assert_eq!(data.skipped, []);
    assert_eq!(names(&data).len(), 14);
    let bytes = encoded(&sixteen.into(), ImageFormat::Png);
    let read = data::image_from_bytes(&bytes, "sixteen.png", 3, 10).unwrap();
    // 12 x 10 cut to the middle 10 x 10: column 0 is x = 1.
    assert_eq!(read.shape(), [1, 3, 10, 10]);
    assert_eq!(read.at(&[0, 2, 4, 0]), 5004.0 / 65535.0);
}

#[test]
fn colour_is_found_in_the_training_images() {
    let gray_rgb = |i| encoded(&DynamicImage::from(gray(i).to_rgb8()), ImageFormat::Jpeg);
    let all_gray: Files = (0..16).map(|i| (format!("{}/{i}.jpg", ["a", "b"][i % 2]), gray_rgb(i))).collect();
    let with =
        |files: &Files, color| load(write(files).path(), &FolderOptions { color, ..small() }).unwrap().channels();
    assert_eq!(with(&all_gray, Color::Auto), 1);
    assert_eq!(with(&all_gray, Color::Rgb), 3);
    let mut files = classes("train/", &["a", "b"], 0, 6);
    files.extend(classes("val/", &["a", "b"], 500, 2));
    files.push(("val/a/red.png".into(), encoded(&coloured(9), ImageFormat::Png)));
    assert_eq!(with(&files, Color::Auto), 1, "colour outside training does not count");
    let all_coloured: Files =
        (0..16).map(|i| (format!("{}/{i}.png", ["a", "b"][i % 2]), encoded(&coloured(i), ImageFormat::Png))).collect();
    assert_eq!(with(&all_coloured, Color::Auto), 3);
    assert_eq!(with(&all_coloured, Color::Gray), 1);
}

#[test]
fn what_cannot_be_used_is_skipped_with_its_reason() {
    let mut files = classes("", &["a", "b"], 0, 8);
    let whole = jpeg(70);
    files.push(("a/broken.png".into(), png(60)[..40].to_vec()));
    files.push(("a/cut.jpg".into(), whole[..whole.len() - 30].to_vec()));
    files.push(("a/empty.png".into(), vec![]));
    files.push(("b/small.png".into(), encoded(&gray(3).crop_imm(0, 0, 7, 9), ImageFormat::Png)));
    files.push(("b/wide.png".into(), encoded(&DynamicImage::new_luma8(20_001, 8), ImageFormat::Png)));
    files.push(("b/old.gif".into(), b"GIF89a".to_vec()));
    for data in [load_files(&files), load_zip(&zipped(&files)).unwrap()] {
        assert_eq!(names(&data).len(), 16);
        let reasons: BTreeMap<&str, &str> = data.skipped.iter().map(|s| (&*s.path, &*s.reason)).collect();
        assert_eq!(reasons.len(), 6, "{reasons:?}");
        assert!(reasons["a/broken.png"].contains("cannot be decoded"));
        assert!(reasons["a/cut.jpg"].contains("cut short"));
        assert!(reasons["a/empty.png"].contains("is empty"));
        assert!(reasons["b/small.png"].contains("7x9 pixels, smaller than 8"));
        assert!(reasons["b/wide.png"].contains("larger than the limit"));
        assert!(reasons["b/old.gif"].contains("cannot be decoded"));
        assert!(data.notes()[1].starts_with("skipped 6 images; the first: "), "{:?}", data.notes());
    }
}

// ---- groups and leakage -----------------------------------------------------------------------------------------

#[test]
fn a_group_stays_in_one_split() {
    // 30 patients with 1 to 4 images each, some in both classes; two files name no patient.
    let mut files: Files = (0..75)
        .map(|i| {
            let patient = (i * i) % 31;
            (format!("{}/patient{patient}_{i}.png", ["ill", "well"][(patient + i / 40) % 2]), png(i))
        })
        .collect();
    files.push(("ill/unknown.png".into(), png(200)));
    files.push(("well/unknown.png".into(), png(201)));
    let dir = write(&files);
    let options = FolderOptions { group_by: Some(r"(patient\d+)_".into()), ..small() };
    let data = load(dir.path(), &options).unwrap();
    assert_eq!((names(&data).len(), data.grouped), (77, Some(75)));
    assert_eq!(data.leakage, []);
    let mut home: BTreeMap<String, &str> = BTreeMap::new();
    for (split, images) in data.splits() {
        assert!(images.counts().iter().all(|&n| n > 0));
        for name in images.names.iter().filter(|n| n.contains("patient")) {
            let patient = name.split('/').nth(1).unwrap().split('_').next().unwrap();
            assert_eq!(*home.entry(patient.to_owned()).or_insert(split), split, "{patient} is in two splits");
        }
    }
}

#[test]
fn leakage_between_given_splits_is_reported() {
    let mut files = vec![];
    for (k, split) in ["train", "val", "test"].into_iter().enumerate() {
        for i in 0..5 {
            for class in ["a", "b"] {
                let number = 300 * k + 10 * i + usize::from(class == "b");
                files.push((format!("{split}/{class}/{split}{i}_{class}.png"), png(number)));
            }
        }
    }
    files.push(("train/a/p7_1.png".into(), png(2000)));
    files.push(("test/a/p7_2.png".into(), png(2001)));
    // The same pixels, once as PNG of one channel and once of three, and a pair inside one split, which is not a leak.
    files.push(("val/b/copy.png".into(), encoded(&DynamicImage::from(gray(10).to_rgb8()), ImageFormat::Png)));
    files.push(("train/b/again.png".into(), png(11)));
    let dir = write(&files);
    let options = FolderOptions { group_by: Some(r"(p\d+)_".into()), ..small() };
    let data = load(dir.path(), &options).unwrap();
    let leaks: Vec<_> = data.leakage.iter().map(|l| (l.kind, &*l.what, l.splits.join("+"))).collect();
    assert_eq!(
        leaks,
        [
            (LeakKind::Group, "p7", "train+test".to_owned()),
            (LeakKind::Identical, "train/a/train1_a.png = val/b/copy.png", "train+val".to_owned()),
        ]
    );
}

#[test]
fn a_bad_group_expression_is_a_usage_error() {
    let dir = write(&classes("", &["a", "b"], 0, 5));
    for (pattern, word) in [("(p", "not a regular expression"), (r"p\d+", "no capture group")] {
        let options = FolderOptions { group_by: Some(pattern.into()), ..small() };
        let error = load(dir.path(), &options).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains(word), "{error}");
    }
    for options in [FolderOptions { size: 4, ..small() }, FolderOptions { fractions: [0.9, 0.1, f64::NAN], ..small() }]
    {
        assert!(matches!(load(dir.path(), &options), Err(Error::Config { .. })));
    }
    // All images of class b belong to one patient: no way to divide them.
    let mut files = classes("", &["a"], 0, 9);
    files.extend((0..9).map(|i| (format!("b/p1_{i}.png"), png(500 + i))));
    let options = FolderOptions { group_by: Some(r"(p\d)_".into()), ..small() };
    assert!(complaint(load(write(&files).path(), &options)).contains("class `b` falls into too few groups"));
}

// ---- refused ----------------------------------------------------------------------------------------------------

#[test]
fn unusable_folders_say_why() {
    let dir = tempdir().unwrap();
    assert!(complaint(load(&dir.path().join("nowhere"), &small())).contains("does not exist"));
    assert!(complaint(load(dir.path(), &small())).contains("is empty"));
    std::fs::write(dir.path().join("notes.txt"), "words").unwrap();
    assert!(complaint(load(&dir.path().join("notes.txt"), &small())).contains("neither a folder nor a zip"));
    std::fs::write(dir.path().join("loose.png"), png(1)).unwrap();
    assert!(complaint(load(dir.path(), &small())).contains("has no class folders"));

    let one = write(&classes("", &["only"], 0, 9));
    std::fs::create_dir(one.path().join("hollow")).unwrap();
    let message = complaint(load(one.path(), &small()));
    assert!(message.contains("one class only: `only`") && message.contains("hollow"), "{message}");

    let many: Vec<String> = (0..101).map(|i| format!("class{i}")).collect();
    let many = write(&classes("", &many.iter().map(String::as_str).collect::<Vec<_>>(), 0, 1));
    assert!(complaint(load(many.path(), &small())).contains("101 classes; at most 100"));

    let mut files = classes("", &["big"], 0, 9);
    files.extend(classes("", &["poor"], 400, 2));
    files.push(("poor/torn.png".into(), b"\x89PNG\r\n\x1a\n".to_vec()));
    let message = complaint(load(write(&files).path(), &small()));
    assert!(message.contains("class `poor` has 2 readable images; at least 3 are needed"), "{message}");
    assert!(message.contains("skipped: poor/torn.png cannot be decoded"), "{message}");
}

#[cfg(unix)]
#[test]
fn links_and_permissions() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let dir = write(&classes("", &["a", "b"], 0, 6));
    symlink(dir.path(), dir.path().join("a/around")).unwrap();
    symlink("nowhere", dir.path().join("a/gone.png")).unwrap();
    let data = load(dir.path(), &small()).unwrap();
    assert_eq!(names(&data).len(), 12);
    assert!(data.skipped.len() == 1 && data.skipped[0].path == "a/gone.png", "{:?}", data.skipped);

    let locked = dir.path().join("b");
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read_dir(&locked).is_err() {
        assert!(complaint(load(dir.path(), &small())).contains("permission denied"));
    } else {
        eprintln!("skipped: this user may read everything");
    }
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn hostile_and_damaged_zips_are_refused_whole() {
    let good = classes("", &["a", "b"], 0, 6);
    let whole = zipped(&good);
    for cut in [whole.len() / 2, whole.len() - 10, 5] {
        assert!(complaint(load_zip(&whole[..cut])).contains("not a complete zip"));
    }
    // The writer cleans names up, so the dots are put into the finished bytes: in the file's header and the directory.
    for evil in ["../x.png", "a/../../q", "/etc/x.p", "C:/x.png", "..\\x.png", "a\\..\\..q"] {
        let mut files = good.clone();
        let decoy = "Q".repeat(evil.len());
        files.push((decoy.clone(), png(9)));
        let mut bytes = zipped(&files);
        for at in 0..bytes.len() - evil.len() {
            if bytes[at..].starts_with(decoy.as_bytes()) {
                bytes[at..at + evil.len()].copy_from_slice(evil.as_bytes());
            }
        }
        let message = complaint(load_zip(&bytes));
        assert!(message.contains("leads out of the zip"), "{evil}: {message}");
    }
    // 200 MiB of zeros in a few hundred KiB.
    let mut bomb = good.clone();
    bomb.push(("a/bomb.png".into(), vec![0; 200 << 20]));
    assert!(complaint(load_zip(&zipped(&bomb))).contains("unpacks to more than is allowed"));
    // The same bomb, lying about its size in the directory: unpacking stops by itself, and the image is skipped.
    let mut bytes = zipped(&bomb);
    let size = (200u32 << 20).to_le_bytes();
    for at in 0..bytes.len() - 4 {
        if bytes[at..at + 4] == size {
            bytes[at..at + 4].copy_from_slice(&1000u32.to_le_bytes());
        }
    }
    let data = load_zip(&bytes).unwrap();
    assert!(data.skipped.len() == 1 && data.skipped[0].path == "a/bomb.png", "{:?}", data.skipped);

    // A flipped byte inside one file costs that file only.
    let mut bytes = zipped(&good);
    let at = bytes.windows(4).position(|w| w == b"IDAT").unwrap_or(60);
    bytes[at + 8] ^= 0xFF;
    assert_eq!(load_zip(&bytes).unwrap().skipped.len(), 1);
}

// ---- evaluation and prediction ----------------------------------------------------------------------------------

#[test]
fn all_images_of_a_folder_in_the_order_of_the_trained_classes() {
    let trained: Vec<String> = ["spiral", "edge", "round"].map(String::from).to_vec();
    let mut files = classes("train/", &["edge", "spiral"], 0, 2);
    files.extend(classes("test/", &["spiral"], 500, 3));
    files.push(("test/spiral/torn.png".into(), vec![1, 2, 3]));
    let dir = write(&files);
    let folder = data::load_all(dir.path(), &trained, 3, 8, &mut |_, _| {}).unwrap();
    assert_eq!(folder.images.classes, trained);
    assert_eq!(folder.images.counts(), [5, 2, 0]);
    assert_eq!(folder.images.pixels.shape(), [7, 3, 8, 8]);
    assert_eq!(folder.skipped.len(), 1);
    let error = data::load_all(dir.path(), &trained[1..], 1, 8, &mut |_, _| {}).unwrap_err();
    assert!(error.exit_code() == 3 && error.to_string().contains("class `spiral` that was not trained"), "{error}");
    let torn = dir.path().join("test/spiral/torn.png");
    assert_eq!(data::read_image(&torn, 1, 8).unwrap_err().exit_code(), 3);
    assert_eq!(data::read_image(dir.path(), 1, 8).unwrap_err().exit_code(), 3);
}

// ---- noise ------------------------------------------------------------------------------------------------------

/// Damaged bytes give an error or a skipped image, never a panic, a hang, or numbers outside [0, 1].
#[test]
fn mutated_files_never_panic() {
    let mut rng = gradus::rng::Rng::new(2024, "mutate", 0);
    let progressive_like = encoded(&coloured(3), ImageFormat::Jpeg);
    let seeds = [png(1), jpeg(2), progressive_like, encoded(&coloured(4), ImageFormat::Png)];
    for round in 0..4000 {
        let bytes = mutate(&seeds[round % seeds.len()], &mut rng);
        if let Ok(read) = data::image_from_bytes(&bytes, "noise", 1, 16) {
            assert!(read.data().iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }
    let zip = zipped(&classes("w/", &["a", "b"], 0, 3));
    let dir = tempdir().unwrap();
    let path = dir.path().join("noise.zip");
    for _ in 0..400 {
        std::fs::write(&path, mutate(&zip, &mut rng)).unwrap();
        if let Err(error) = load(&path, &small()) {
            assert_eq!(error.exit_code(), 3, "{error}");
        }
    }
}

/// Some bytes changed, inserted, doubled or cut.
fn mutate(bytes: &[u8], rng: &mut gradus::rng::Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=rng.below(4) {
        let at = rng.below(bytes.len());
        match rng.below(6) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = [0, 1, 0x7F, 0x80, 0xFF][rng.below(5)],
            2 => bytes.insert(at, rng.below(256) as u8),
            3 => bytes.truncate(at.max(1)),
            4 => drop(bytes.drain(at..(at + 1 + rng.below(8)).min(bytes.len() - 1).max(at))),
            _ => {
                let piece = bytes[at..(at + rng.below(40)).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

// ---- real images ----------------------------------------------------------------------------------------------

/// With `GRADUS_DATA` set to a folder that holds `galaxies` and `chest-xray` (see data/README.md).
#[test]
fn real_data() {
    let Some(root) = std::env::var_os("GRADUS_DATA") else {
        eprintln!("skipped: GRADUS_DATA is not set");
        return;
    };
    let galaxies = Path::new(&root).join("galaxies");
    if galaxies.is_dir() {
        let data = load(&galaxies, &FolderOptions::default()).unwrap();
        assert_eq!(data.classes, ["edge", "elliptical", "spiral"]);
        assert_eq!([data.train.counts(), data.val.counts(), data.test.counts()], [[280; 3], [60; 3], [60; 3]]);
        assert!(data.skipped.is_empty() && data.channels() == 1);
    } else {
        eprintln!("skipped: no galaxies there");
    }
    let chest = Path::new(&root).join("chest-xray");
    if chest.is_dir() {
        let pattern = r"(person\d+_(?:bacteria|virus)|(?:NORMAL2-)?IM-\d+)";
        let options = FolderOptions { group_by: Some(pattern.into()), ..FolderOptions::default() };
        let start = std::time::Instant::now();
        let data = load(&chest, &options).unwrap();
        eprintln!("chest-xray: {:?}", start.elapsed());
        assert_eq!(names(&data).len() + data.skipped.len(), 5840);
        assert_eq!(data.skipped, []);
        assert!(data.given_splits);
        assert!(data.leakage.iter().all(|leak| leak.kind != LeakKind::Group));
        for (name, images) in data.splits() {
            eprintln!("{name}: {:?}", images.counts());
        }
        eprintln!("grouped {:?}, identical {}", data.grouped, data.leakage.len());
        let train = data.train.counts();
        for (val, train) in data.val.counts().into_iter().zip(train) {
            assert!((val as f64 / (val + train) as f64 - 0.15 / 0.85).abs() < 0.005);
        }
    } else {
        eprintln!("skipped: no chest-xray there");
    }
}
