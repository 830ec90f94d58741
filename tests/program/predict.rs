//! Predictions for images of one's own: unreadable, inverted, off centre, of any format, and folders as they are.

use crate::common::{Ran, command, empty_folder, gradus, png, write_images};
use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use std::fs;
use std::path::Path;

/// A linear network on rendered digits: trained in a moment.
const DIGITS: &str = r#"name = "digits"

[data]
kind = "digits"
per_class = 40
val = 0.2
test = 0.2

[[model.layer]]
type = "flatten"

[[model.layer]]
type = "linear"
units = 0

[train]
batch = 16
epochs = 6

[train.optimizer]
kind = "adam"
lr = 0.01
"#;

/// The same network on a folder.
const FOLDER: &str = r#"name = "folder"

[data]
kind = "folder"
path = "images"
size = 16

[[model.layer]]
type = "flatten"

[[model.layer]]
type = "linear"
units = 0

[train]
batch = 8
epochs = 2

[train.optimizer]
kind = "adam"
lr = 0.01
"#;

fn trained(folder: &Path, text: &str) -> Ran {
    fs::write(folder.join("own.toml"), text).unwrap();
    gradus(folder, &["train", "own.toml", "--out", "run"])
}

/// A one, white on black, as MNIST would have it.
fn one() -> GrayImage {
    GrayImage::from_fn(28, 28, |x, y| Luma([if (13..16).contains(&x) && (4..24).contains(&y) { 255 } else { 0 }]))
}

/// The image four times as large, black on white, off centre on a sheet of 200 x 160.
fn on_paper(image: &GrayImage) -> GrayImage {
    let large = image::imageops::resize(image, 112, 112, image::imageops::FilterType::Nearest);
    let mut sheet = GrayImage::from_pixel(200, 160, Luma([255]));
    for (x, y, &Luma([v])) in large.enumerate_pixels() {
        sheet.put_pixel(80 + x, 4 + y, Luma([255 - v]));
    }
    sheet
}

fn difference(a: &Path, b: &Path) -> f64 {
    let [a, b] = [a, b].map(|path| image::open(path).unwrap().to_luma8());
    assert_eq!((a.dimensions(), b.dimensions()), ((28, 28), (28, 28)));
    let sum: f64 = a.pixels().zip(b.pixels()).map(|(a, b)| (f64::from(a[0]) - f64::from(b[0])).abs()).sum();
    sum / (784.0 * 255.0)
}

#[test]
fn digits_of_ones_own_are_made_like_mnist() {
    let folder = empty_folder("predict-digits");
    trained(&folder, DIGITS).says(0, &[]);
    one().save(folder.join("one.png")).unwrap();
    on_paper(&one()).save(folder.join("paper.png")).unwrap();
    let mut inverted = DynamicImage::from(one());
    inverted.invert();
    inverted.save(folder.join("inverted.bmp")).unwrap();

    // Without the flag, the border shows it.
    let plain = gradus(&folder, &["predict", "run", "one.png", "inverted.bmp", "paper.png", "--json"]);
    plain.says(0, &["warning: inverted.bmp: looks inverted", "warning: paper.png: looks inverted", "--like mnist"]);
    assert!(!plain.err.contains("one.png"), "{}", plain.err);
    let entries = plain.json();
    assert!(entries[0]["warning"].is_null() && entries[1]["warning"].as_str().unwrap().contains("brightness 1.00"));

    let like = ["predict", "run", "one.png", "inverted.bmp", "paper.png", "--like", "mnist", "--show", "seen"];
    let ran = gradus(&folder, &like);
    ran.says(0, &["one.png as the network receives it:", "@@@"]);
    assert!(!ran.err.contains("inverted:"), "{}", ran.err);
    let seen = |name: &str| folder.join("seen").join(name);
    // Already in MNIST's form: unchanged, to the bit but for rounding; the others the same within their blur.
    assert!(difference(&seen("001_one.png"), &folder.join("one.png")) < 1e-3);
    assert!(difference(&seen("002_inverted.png"), &seen("001_one.png")) < 1e-3);
    assert!(difference(&seen("003_paper.png"), &seen("001_one.png")) < 0.02);
    let classes: Vec<&str> = ran.out.lines().skip(1).map(|line| line.split_whitespace().nth(1).unwrap()).collect();
    assert!(classes.len() == 3 && classes.iter().all(|class| *class == classes[0]), "{}", ran.out);

    gradus(&folder, &like).says(2, &["--show", "seen is not empty"]);
    GrayImage::from_pixel(50, 50, Luma([240])).save(folder.join("blank.png")).unwrap();
    gradus(&folder, &["predict", "run", "blank.png", "--like", "mnist"])
        .says(3, &["blank.png", "nothing that stands out"]);
    gradus(&folder, &["predict", "run", "one.png", "--like", "cifar"]).says(2, &["expected mnist, found `cifar`"]);
}

#[test]
fn an_unreadable_image_costs_itself_only() {
    let folder = empty_folder("predict-unreadable");
    write_images(&folder.join("images"), &["lying", "standing"], 8);
    trained(&folder, FOLDER).says(0, &[]);
    fs::write(folder.join("torn.jpg"), b"\xFF\xD8\xFF\xE0 torn").unwrap();
    fs::write(folder.join("without-ending"), png(0, 3)).unwrap();
    let mut images = vec!["images/lying/0.png", "torn.jpg", "nowhere.png", "images", "without-ending"];
    if cfg!(unix) {
        assert!(std::process::Command::new("mkfifo").arg(folder.join("pipe.png")).status().unwrap().success());
        images.push("pipe.png");
    }
    let args: Vec<&str> = ["predict", "run"].into_iter().chain(images.iter().copied()).collect();
    let ran = gradus(&folder, &args);
    let failed = images.len() - 2;
    ran.says(3, &["torn.jpg: ", "nowhere.png: does not exist", "expected a regular file, found a folder"]);
    ran.says(3, &[&format!("could not be read: {failed} of {} images", images.len())]);
    assert_eq!(ran.out.lines().count(), 3, "{}", ran.out);
    assert!(ran.out.contains("images/lying/0.png") && ran.out.contains("without-ending"), "{}", ran.out);

    let entries = gradus(&folder, &[&args[..], &["--json"]].concat());
    let entries = entries.says(3, &[]).json();
    let errors: Vec<bool> = entries.as_array().unwrap().iter().map(|e| e["error"].is_string()).collect();
    assert_eq!(errors[..5], [false, true, true, true, false]);
    assert_eq!(entries[1]["path"], "torn.jpg");
    // One alone fails with its own error.
    gradus(&folder, &["predict", "run", "torn.jpg"]).says(3, &["torn.jpg: ", "help: give a whole PNG, JPEG"]);
    gradus(&folder, &["predict", "run", "images/lying/0.png", "--like", "mnist"]).says(2, &["--like", "28x28"]);
}

/// Other files in a folder of images, and the messages on them.
#[test]
fn a_training_lists_what_it_skipped() {
    let folder = empty_folder("predict-folder");
    write_images(&folder.join("images"), &["Cat", "cat", "dog\u{1b}[31m"], 8);
    fs::create_dir_all(folder.join("images/Cat/@eaDir")).unwrap();
    fs::write(folder.join("images/Cat/@eaDir/thumb.png"), png(1, 77)).unwrap();
    fs::write(folder.join("images/cat/torn.png"), b"torn").unwrap();
    let ran = trained(&folder, FOLDER);
    ran.says(0, &["skipped 1 image: cat/torn.png", "ignored 1 entry of file managers", "`Cat` and `cat` differ only"]);
    assert!(!ran.err.contains('\u{1b}') && ran.err.contains("dog\\u{1b}[31m"), "{}", ran.err);
    // A file whose name would steer the terminal.
    fs::write(folder.join("red\u{1b}[31m.png"), png(0, 1)).unwrap();
    let ran = gradus(&folder, &["predict", "run", "red\u{1b}[31m.png", "no\u{7}where.png"]);
    ran.says(3, &["no\\u{7}where.png"]);
    assert!(!ran.out.contains('\u{1b}') && ran.out.contains("red\\u{1b}[31m.png"), "{}", ran.out);
}

/// Settings that are a pipe would wait for ever.
#[cfg(unix)]
#[test]
fn settings_that_are_a_pipe_are_refused() {
    let folder = empty_folder("predict-pipe");
    assert!(std::process::Command::new("mkfifo").arg(folder.join("own.toml")).status().unwrap().success());
    for job in [["train", "own.toml"].as_slice(), &["pipeline", "--config", "own.toml"]] {
        let ran: Ran = command(&folder, job).output().unwrap().into();
        ran.says(2, &["expected a regular file, found a pipe"]);
    }
}

/// Two hundred real test digits as user images: large, black on white, off centre. With `--like mnist` they
/// are classified nearly as well as the originals, without they are not.
#[test]
fn real_digits_on_paper_are_read() {
    let Some(root) = std::env::var_os("GRADUS_DATA") else {
        println!("skipped: GRADUS_DATA is not set");
        return;
    };
    let folder = empty_folder("predict-real");
    let text =
        DIGITS.replace("kind = \"digits\"\nper_class = 40\nval = 0.2\ntest = 0.2", "kind = \"mnist\"\nlimit = 4000");
    let text = text.replace("[data]", &format!("[data]\npath = {:?}", Path::new(&root).join("mnist")));
    trained(&folder, &text).says(0, &[]);
    let mnist = gradus::data::mnist::load(&Path::new(&root).join("mnist"), gradus::data::mnist::Set::Mnist).unwrap();
    let mut paths = [vec![], vec![]];
    for i in 0..200 {
        let pixels = &mnist.test.pixels.data()[i * 784..][..784];
        let digit = GrayImage::from_fn(28, 28, |x, y| Luma([(pixels[(y * 28 + x) as usize] * 255.0).round() as u8]));
        paths[0].push(format!("{i}.png"));
        paths[1].push(format!("{i}.jpg"));
        digit.save(folder.join(&paths[0][i])).unwrap();
        on_paper(&digit).save_with_format(folder.join(&paths[1][i]), ImageFormat::Jpeg).unwrap();
    }
    let correct = |paths: &[String], more: &[&str]| {
        let args = ["predict", "run"].into_iter().chain(paths.iter().map(String::as_str)).chain(more.iter().copied());
        let ran = gradus(&folder, &args.chain(["--json"]).collect::<Vec<_>>());
        let entries = ran.says(0, &[]).json();
        let labels = mnist.test.labels().iter().map(|label| label.to_string());
        entries.as_array().unwrap().iter().zip(labels).filter(|(e, label)| e["class"] == label.as_str()).count()
    };
    let [original, paper, like, same] = [(0, &[][..]), (1, &[]), (1, &["--like", "mnist"]), (0, &["--like", "mnist"])]
        .map(|(k, more)| correct(&paths[k], more));
    println!(
        "correct of 200: originals {original}, on paper {paper}, made like MNIST {like}, originals made alike {same}"
    );
    assert!(
        original > 150 && like + 12 > original && same + 4 > original && paper < 60,
        "{original} {paper} {like} {same}"
    );
}

#[test]
fn rows_of_a_table_are_predicted_as_csv() {
    let folder = empty_folder("predict-rows");
    let row = |i: usize| format!("{}.5,{},{}\n", i % 7, i % 5 + 10 * (i % 2), ["low", "high"][i % 2]);
    fs::write(folder.join("all.csv"), format!("u,v,class\n{}", (0..60).map(row).collect::<String>())).unwrap();
    let text = FOLDER.replace("kind = \"folder\"\npath = \"images\"\nsize = 16", "kind = \"csv\"\npath = \"all.csv\"");
    let text = text.replace("[[model.layer]]\ntype = \"flatten\"\n\n", "").replace("epochs = 2", "epochs = 60");
    trained(&folder, &text.replace("lr = 0.01", "lr = 0.05")).says(0, &[]);
    fs::write(folder.join("new.csv"), "v,u\n1,2.5\n14,3.5\n").unwrap();
    let ran = gradus(&folder, &["predict", "run", "new.csv"]);
    let lines: Vec<&str> = ran.says(0, &[]).out.lines().collect();
    assert_eq!((lines.len(), lines[0]), (3, "row,class,p_high,p_low"));
    assert!(lines[1].starts_with("1,low,") && lines[2].starts_with("2,high,"), "{lines:?}");
    let entries = gradus(&folder, &["predict", "run", "new.csv", "--json"]).says(0, &[]).json();
    assert_eq!((&entries[1]["row"], &entries[1]["class"]), (&2.into(), &"high".into()));
    gradus(&folder, &["predict", "run", "new.csv", "all.csv"]).says(2, &["expected one table"]);
}
