//! Images and folders as people bring them: every usual format, cut and glued files, clutter of network drives, names
//! in several spellings. The formats are held against what Pillow reads (golden/make_images.py).

use gradus::data::{self, Color, FolderOptions, ImageData};
use gradus::tensor::Tensor;
use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, Rgb};
use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use tempfile::{TempDir, tempdir};

/// The files of golden/images.zip.
fn golden() -> BTreeMap<String, Vec<u8>> {
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/images.zip")).unwrap();
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut files = BTreeMap::new();
    for i in 0..zip.len() {
        let mut entry = zip.by_index(i).unwrap();
        let mut bytes = vec![];
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(entry.name().unwrap().into_owned(), bytes);
    }
    files
}

fn decode(bytes: &[u8]) -> gradus::Result<Tensor<f32>> {
    data::image_from_bytes(bytes, "image", 3, 40)
}

fn refusal(bytes: &[u8]) -> String {
    decode(bytes).expect_err("must be refused").to_string()
}

fn png(image: impl Into<DynamicImage>) -> Vec<u8> {
    let mut bytes = Cursor::new(vec![]);
    image.into().write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A gray image of its own for each number.
fn gray(number: usize) -> Vec<u8> {
    let value = |x: u32, y: u32| ((x as usize * 7 + y as usize * 13) * (number + 1) + number) as u8;
    png(ImageBuffer::from_fn(9, 9, |x, y| Luma([value(x, y)])))
}

type Files = Vec<(String, Vec<u8>)>;

/// Eight images for each of these folders.
fn folders(names: &[&str]) -> Files {
    let all = names.iter().enumerate().flat_map(|(c, name)| (0..8).map(move |i| (c, name, i)));
    all.map(|(c, name, i)| (format!("{name}/{i}.png"), gray(10 * c + i))).collect()
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

fn load(path: &Path, color: Color) -> gradus::Result<ImageData> {
    data::load(path, &FolderOptions { size: 9, color, ..FolderOptions::default() }, &mut |_, _| {})
}

fn load_zip(bytes: &[u8]) -> gradus::Result<ImageData> {
    let dir = tempdir().unwrap();
    let path = dir.path().join("images.zip");
    std::fs::write(&path, bytes).unwrap();
    load(&path, Color::Auto)
}

/// The same files as a folder and as a zip.
fn both_ways(files: &Files) -> [ImageData; 2] {
    [load(write(files).path(), Color::Auto).unwrap(), load_zip(&zipped(files)).unwrap()]
}

fn samples(data: &ImageData) -> usize {
    data.splits().iter().map(|(_, images)| images.len()).sum()
}

// ---- formats ----------------------------------------------------------------------------------------------------

#[test]
fn every_format_is_read_as_pillow_reads_it() {
    let files = golden();
    let expected: BTreeMap<String, serde_json::Value> = serde_json::from_slice(&files["expected.json"]).unwrap();
    assert_eq!(expected.len(), 32);
    for (name, expected) in &expected {
        let image = decode(&files[name]).unwrap_or_else(|e| panic!("{name}: {e}"));
        // Lossy formats round, and enlarge colour differences, by methods of their own.
        let lossy = name.ends_with(".jpg") || name == "lossy.webp";
        let (mean_within, pixel_within) = if lossy { (0.01, 0.12) } else { (1e-4, 4e-3) };
        for c in 0..3 {
            let mean = image.data()[c * 1600..][..1600].iter().map(|&v| f64::from(v)).sum::<f64>() / 1600.0;
            let golden = expected["mean"][c].as_f64().unwrap();
            assert!((mean - golden).abs() < mean_within, "{name}: mean of channel {c} is {mean}, not {golden}");
            for pixel in expected["pixels"].as_array().unwrap() {
                let [y, x] = [0, 1].map(|i| pixel[i].as_u64().unwrap() as usize);
                let (found, golden) = (f64::from(image.at(&[0, c, y, x])), pixel[2 + c].as_f64().unwrap());
                assert!((found - golden).abs() < pixel_within, "{name} ({y}, {x}), {c}: {found}, not {golden}");
            }
        }
    }
}

/// Wherever a JPEG is cut, with or without an appended end marker, it is refused; whatever follows a whole
/// one is not looked at.
#[test]
fn a_jpeg_is_whole_if_its_codes_are() {
    let mut judged = 0;
    for (name, bytes) in golden().iter().filter(|(name, _)| name.ends_with(".jpg")) {
        let whole = decode(bytes).unwrap();
        let end = bytes.len() - 2;
        assert_eq!(bytes[end..], [0xFF, 0xD9], "{name}");
        for cut in 4..end {
            let glued = [&bytes[..cut], &[0xFF, 0xD9]].concat();
            assert!(decode(&glued).is_err(), "{name}, {cut} of {end}");
            judged += 1;
            if cut % 7 == 0 {
                refusal(&bytes[..cut]);
            }
        }
        let video = b"\0\0\0\x18ftypmp42 \xFF\xD8\xFF\xDA\0\x08 \xFF\xC4\0\x03 \xFF\xD9 and so on".to_vec();
        for (what, rest) in [("no marker", vec![]), ("a video", video), ("zeros", vec![0; 5000])] {
            let marker: &[u8] = if rest.is_empty() { &[] } else { &[0xFF, 0xD9] };
            let more = [&bytes[..end], marker, &rest].concat();
            assert_eq!(decode(&more).unwrap(), whole, "{name} followed by {what}");
        }
    }
    assert!(judged > 10_000, "{judged}");
}

/// Bytes that went missing within the file, too: the codes after them no longer add up.
#[test]
fn a_jpeg_with_a_hole_is_refused() {
    let files = golden();
    for name in ["restart.jpg", "progressive_full.jpg"] {
        let bytes = &files[name];
        let start = bytes.windows(2).position(|w| w == [0xFF, 0xDA]).unwrap() + 20;
        let middle = (start + bytes.len()) / 2;
        let holed = [&bytes[..middle - 150], &bytes[middle + 150..]].concat();
        refusal(&holed);
    }
}

/// All other formats: cut anywhere, they are refused, or what was cut off did not matter.
#[test]
fn cut_files_are_never_half_an_image() {
    for (name, bytes) in golden().iter().filter(|(name, _)| !name.ends_with(".jpg") && !name.ends_with(".json")) {
        let whole = decode(bytes).unwrap();
        for cut in (8..bytes.len()).step_by(5) {
            if let Ok(image) = decode(&bytes[..cut]) {
                assert_eq!(image, whole, "{name}, {cut} of {}", bytes.len());
            }
        }
        assert_eq!(decode(&[&bytes[..], b"more bytes"].concat()).unwrap(), whole, "{name}");
    }
}

#[test]
fn sizes_beyond_the_limits_are_named() {
    let strip = png(ImageBuffer::from_pixel(1, 30_000, Luma([9u8])));
    assert!(refusal(&strip).contains("is 1x30000 pixels"), "{}", refusal(&strip));
    assert!(refusal(&strip).contains("limit of 20000 pixels a side") && refusal(&strip).contains("scale it down"));
    // A header that promises much: nothing is decoded, nothing allocated. Its checksum is computed anew.
    let mut huge = png(ImageBuffer::from_pixel(9, 9, Rgb([9u8; 3])));
    huge[16..24].copy_from_slice(&[0, 0, 0x4E, 0x20, 0, 0, 0x4E, 0x20]);
    let mut crc = flate2::Crc::new();
    crc.update(&huge[12..29]);
    huge[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    assert!(refusal(&huge).contains("is 20000x20000 pixels, 1145 MiB decoded, larger than"), "{}", refusal(&huge));
    for what in ["jpg", "gif", "bmp", "webp", "tif"] {
        let name = ["baseline.jpg", "frames.gif", "rgb.bmp", "lossless.webp", "raw.tif"]
            .into_iter()
            .find(|n| n.ends_with(what));
        let mut bytes = golden()[name.unwrap()].clone();
        bytes.truncate(60);
        assert!(decode(&bytes).is_err(), "{what}");
    }
}

// ---- names ------------------------------------------------------------------------------------------------------

#[test]
fn files_are_recognized_by_content() {
    let mut files = folders(&["a", "b"]);
    for (i, (name, _)) in files.iter_mut().enumerate() {
        *name = match i % 3 {
            0 => name.trim_end_matches(".png").to_owned(),
            1 => name.replace(".png", ".dat"),
            _ => name.clone(),
        };
    }
    files.push(("a/notes".into(), b"BMW: a make of cars".to_vec()));
    files.push(("b/list.txt".into(), b"P5 and P6 are formats".to_vec()[..2].to_vec()));
    for data in both_ways(&files) {
        assert_eq!((samples(&data), data.skipped.len()), (16, 0), "{:?}", data.skipped);
    }
    let dir = write(&files);
    assert!(data::read_image(&dir.path().join("a/0"), 1, 9).is_ok());
}

#[test]
fn clutter_is_ignored_and_counted() {
    let mut files = folders(&["a", "b"]);
    for name in ["a/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg", "b/@eaDir/1.png", "a/#recycle/9.png", "lost+found/x/2.png"] {
        files.push((name.into(), gray(99)));
    }
    for name in ["a/Thumbs.db", "b/desktop.ini", "a/.DS_Store", "b/.ipynb_checkpoints/0.png", "$RECYCLE.BIN/$R1.png"] {
        files.push((name.into(), gray(99)));
    }
    for data in both_ways(&files) {
        assert_eq!((samples(&data), &*data.classes), (16, &["a".to_owned(), "b".to_owned()][..]));
        assert_eq!((data.ignored["@eaDir"], data.ignored["hidden"], data.ignored.values().sum::<usize>()), (2, 2, 9));
        let note = &data.notes()[1];
        assert!(note.starts_with("ignored 9 entries of file managers") && note.contains("2 @eaDir"), "{note}");
    }
}

#[test]
fn one_name_in_two_spellings_of_unicode_is_one_class() {
    let files = folders(&["caf\u{e9}", "cafe\u{301}", "tea"]);
    let [folder, zip] = both_ways(&files);
    assert_eq!(folder.classes, ["caf\u{e9}", "tea"]);
    assert_eq!((samples(&folder), &zip.classes, &zip.sha256), (24, &folder.classes, &folder.sha256));
    assert_eq!(folder.test.names, zip.test.names);
    // A run with classes written by the other system.
    let dir = write(&files);
    let trained = ["cafe\u{301}".to_owned(), "tea".to_owned()];
    let all = data::load_all(dir.path(), &trained, 1, 9, &mut |_, _| {}).unwrap();
    assert_eq!((all.images.counts(), all.images.classes), (vec![16, 8], trained.to_vec()));
}

#[test]
fn names_that_differ_in_case_alone_are_pointed_out() {
    let dir = write(&folders(&["Cat", "cat", "dog"]));
    let data = load(dir.path(), Color::Auto).unwrap();
    assert_eq!(data.classes, ["Cat", "cat", "dog"]);
    let notes = data.notes();
    assert!(notes[1].contains("warning: the classes `Cat` and `cat` differ only"), "{notes:?}");
    assert!(load(write(&folders(&["cat", "dog"])).path(), Color::Auto).unwrap().notes().len() == 1);
    let trained = ["cat".to_owned(), "dog".to_owned()];
    let error = data::load_all(dir.path(), &trained, 1, 9, &mut |_, _| {}).unwrap_err();
    assert!(error.to_string().contains("class `Cat` that was not trained"), "{error}");
    assert!(error.to_string().contains("rename the folder to `cat`"), "{error}");
}

#[test]
fn names_cannot_steer_a_terminal() {
    for data in both_ways(&folders(&["a\u{1b}[2Jb", "c\nd\u{202e}"])) {
        assert_eq!(data.classes, ["a\\u{1b}[2Jb", "c\\u{a}d\\u{202e}"]);
        let printed = data.notes().concat() + &data.test.names.concat();
        assert!(!printed.contains(char::is_control) && !printed.contains('\u{202e}'), "{printed:?}");
    }
}

// ---- colour -----------------------------------------------------------------------------------------------------

/// Red is two steps of 255 above the others: gray by default, but kept if colour is requested.
#[test]
fn a_slight_tint_is_kept_for_colour() {
    let tinted = |i: usize| {
        png(ImageBuffer::from_fn(9, 9, |x, y| Rgb([102, 100, 100].map(|v: u32| (v + x + y + i as u32) as u8))))
    };
    let mut files: Files = (0..16).map(|i| (format!("{}/{i}.png", ["a", "b"][i % 2]), tinted(i))).collect();
    let dir = write(&files);
    assert_eq!(load(dir.path(), Color::Auto).unwrap().channels(), 1);
    let kept = |data: &ImageData| {
        assert_eq!(data.channels(), 3);
        let slight = |i: &usize| data.train.names[*i].contains("/1") || data.train.names[*i].contains("/0");
        let at = (0..data.train.len()).find(slight).unwrap();
        data.train.pixels.at(&[at, 0, 4, 4]) - data.train.pixels.at(&[at, 1, 4, 4])
    };
    assert!((kept(&load(dir.path(), Color::Rgb).unwrap()) - 2.0 / 255.0).abs() < 1e-6);
    // One image in full colour among them: now all are colour, and the tints are as they were.
    for i in 20..40 {
        files.push((format!("a/{i}.png"), png(ImageBuffer::from_pixel(9, 9, Rgb([i as u8, 200, 9])))));
    }
    assert!((kept(&load(write(&files).path(), Color::Auto).unwrap()) - 2.0 / 255.0).abs() < 1e-6);
    let alone = data::read_image(&dir.path().join("a/0.png"), 3, 9).unwrap();
    assert!((alone.at(&[0, 0, 4, 4]) - alone.at(&[0, 1, 4, 4]) - 2.0 / 255.0).abs() < 1e-6);
}

// ---- what cannot be opened --------------------------------------------------------------------------------------

#[test]
fn a_folder_that_cannot_be_followed_costs_itself_only() {
    let mut files = folders(&["a", "b"]);
    files.push((format!("b/{}9.png", "x/".repeat(40)), gray(77)));
    let data = load(write(&files).path(), Color::Auto).unwrap();
    assert_eq!((samples(&data), data.skipped.len(), data.skipped[0].images), (16, 1, 0));
    let note = &data.notes()[1];
    assert!(note.starts_with("warning: skipped 1 folder: b/x/") && note.contains("deeper than 32"), "{note}");
    files.push(("a/torn.png".into(), vec![1, 2]));
    let data = load(write(&files).path(), Color::Auto).unwrap();
    assert!(data.notes()[1].starts_with("warning: skipped 1 image and 1 folder; the first: "), "{:?}", data.notes());
}

/// Opening a pipe would wait for ever, a device may never end: every reader refuses both.
#[cfg(unix)]
#[test]
fn pipes_and_devices_are_refused() {
    let dir = write(&folders(&["a", "b"]));
    let pipe = dir.path().join("a/pipe.png");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_eq!(samples(&load(dir.path(), Color::Auto).unwrap()), 16);
    for (path, kind) in [(pipe.as_path(), "a pipe"), (Path::new("/dev/zero"), "a device"), (dir.path(), "a folder")] {
        let mut errors = vec![
            data::read_image(path, 1, 9).unwrap_err(),
            data::table::Table::read_csv(path, &Default::default()).unwrap_err(),
            data::npz::read(path, "x").unwrap_err(),
            data::Idx::read(path).unwrap_err(),
            gradus::files::read(path).unwrap_err(),
        ];
        if kind != "a folder" {
            errors.push(load(path, Color::Auto).unwrap_err());
        }
        for error in errors {
            assert!(error.to_string().contains(&format!("expected a regular file, found {kind}")), "{error}");
        }
    }
}

// ---- zips -------------------------------------------------------------------------------------------------------

fn complaint(bytes: &[u8]) -> String {
    let error = load_zip(bytes).expect_err("must be refused");
    assert!(error.exit_code() == 3 && error.to_string().contains("help: "), "{error}");
    error.to_string()
}

/// Fifteen names of 64 kB with a folder at every second byte once took 6 GB: each beginning was kept.
#[test]
fn names_in_a_zip_are_bounded() {
    let mut files = folders(&["a", "b"]);
    files.push((format!("a/{}x.png", "d/".repeat(40)), gray(1)));
    assert!(complaint(&zipped(&files)).contains("holds 41 folders within each other at entry 17; 32 are allowed"));
    files.pop();
    files.push((format!("a/{}.png", "n".repeat(5000)), gray(1)));
    assert!(complaint(&zipped(&files)).contains("holds names longer than is allowed (4096 bytes a name"));
    let many: Files = (0..15).map(|i| (format!("{}{i}.png", "d/".repeat(32_000)), vec![])).collect();
    complaint(&zipped(&many));
}

/// The directory is counted before it is read: each entry takes hundreds of bytes of memory.
#[test]
fn entries_of_a_zip_are_bounded() {
    let bytes = [&b"PK\x03\x04"[..], &b"PK\x01\x02".repeat(1_000_001)].concat();
    assert!(complaint(&bytes).contains("holds more than 1,000,000 entries"));
}

#[test]
fn an_ambiguous_zip_is_refused() {
    let mut files = folders(&["a", "b"]);
    files.push(("a/Q.png".into(), gray(50)));
    let mut bytes = zipped(&files);
    for at in 0..bytes.len() - 7 {
        if bytes[at..].starts_with(b"a/Q.png") {
            bytes[at..at + 7].copy_from_slice(b"a/0.png");
        }
    }
    assert!(complaint(&bytes).contains("two files of the same name"));
}

#[test]
fn what_is_encrypted_says_so() {
    let files = folders(&["a", "b"]);
    let mut bytes = zipped(&files);
    // Bit 0 of the flags, in the directory and in each file's own header.
    for at in 0..bytes.len() - 10 {
        match &bytes[at..at + 4] {
            b"PK\x03\x04" => bytes[at + 6] |= 1,
            b"PK\x01\x02" => bytes[at + 8] |= 1,
            _ => {}
        }
    }
    assert!(complaint(&bytes).contains("is encrypted: unpack the zip with its password"), "{}", complaint(&bytes));
}
