//! What a network dreamt, in one page: start, steps and end of each dream, the network's predictions, the losses.

use super::findings::{Counted, verdict};
use super::{DreamFound, DreamJob, Start};
use crate::data::ImageData;
use crate::error::Result;
use crate::files;
use crate::report::chart::{BarChart, Colour, ImageGrid, LineChart, Tile};
use crate::report::words::{counted, percent};
use crate::report::{Callout, Cell, Figure, Page, Table};
use crate::run::book::SMOKE_WORDS;
use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, RgbaImage};
use std::path::Path;

/// Steps of a dream shown between start and end.
const SHOWN: usize = 6;
/// Classes of a prediction that are shown as bars.
const BARS: usize = 20;
/// A pixel of an animation, in pixels of the screen.
const ZOOM: u32 = 8;

/// Writes `report.html`, `figures/`, an animation for each dream and `dreams.csv` into `folder`. A smoke run's dreams mean
/// nothing, and the page says so.
pub fn write(
    found: &[DreamFound],
    job: &DreamJob,
    data: &ImageData,
    name: &str,
    is_smoke: bool,
    folder: &Path,
) -> Result<()> {
    let figures = folder.join("figures");
    let mut page = Page::new(&format!("What {name} dreams"));
    let start = match &job.start {
        Start::Random => "noise".to_owned(),
        Start::Image(path) => path.display().to_string(),
        Start::Test(class) => format!("test images of class {}", data.classes[*class]),
    };
    page.subtitle(&format!(
        "{}, from {start}, {} each; seed {}",
        counted(found.len(), "target"),
        counted(job.restarts, "restart"),
        job.seed
    ));
    page.footer(&format!("Written by Gradus {}. This file needs no network.", env!("CARGO_PKG_VERSION")));
    if is_smoke {
        page.banner(SMOKE_WORDS);
    }
    let [regularized, plain] = [0, 1].map(|kind| {
        Counted::of(found.iter().map(|f| {
            let dream = if kind == 0 { &f.best } else { &f.unregularized };
            (f.likeness[kind].looks_like_it, f.target.distance(&dream.reached))
        }))
    });
    page.lead().callout(Callout::Verdict, "What the dreams are worth", &verdict(regularized, plain));
    let table = summary(found, data);
    table.save(folder, "dreams")?;
    page.section("1", "All dreams").table(&table, "The best restart of each target.");
    let overview = overview(found, data);
    overview.save(&figures, "overview")?;
    page.section("2", "Regularized and not").figure(
        &overview,
        "For each target the regularized dream, the one without regularization, and the training image nearest to \
         the first. A green frame: the dream looks like an image of the target class; an orange one: it does not.",
    );
    for (i, f) in found.iter().enumerate() {
        let words = f.target.words(&data.classes);
        let (way, prediction, losses) = (way(f, data), prediction(f, &data.classes), losses(f));
        for (figure, kind) in [(&way, "way"), (&prediction, "prediction"), (&losses, "loss")] {
            figure.save(&figures, &format!("{kind}_{i}"))?;
        }
        animation(f, data, &folder.join(format!("dream_{i}.gif")))?;
        let spread: Vec<String> = f.reached.iter().map(|p| format!("{:.3}", f.target.distance(p))).collect();
        let mut facts = vec![
            ("Reached", f.best.reached.iter().map(|p| format!("{p:.3}")).collect::<Vec<_>>().join(" ")),
            ("Largest difference from the target", format!("{:.4}", f.target.distance(&f.best.reached))),
            ("The same of every restart", spread.join(" ")),
            ("Steps", (f.best.losses.len() - 1).to_string()),
            (
                "Nearest training image",
                format!("number {}, a {}", f.likeness[0].nearest, data.classes[f.likeness[0].nearest_class]),
            ),
        ];
        facts.extend(f.target.note.clone().map(|note| ("The target", note)));
        page.section(&format!("{}", i + 3), &format!("Target: {words}"))
            .figure(&way, "Start, some steps, and the end; above with regularization, below without.")
            .figures(&[
                (&prediction, "The network's prediction for the last step."),
                (&losses, "Distance to the target."),
            ])
            .facts(&facts);
    }
    files::write_atomic(folder.join("report.html"), page.render().as_bytes())
}

/// Target, prediction, loss and steps of each dream.
pub fn summary(found: &[DreamFound], data: &ImageData) -> Table {
    let mut table =
        Table::new(&["target", "reached", "difference", "loss", "steps", "nearest", "looks like it", "unregularized"]);
    for f in found {
        // The classes that the network predicts; the file has `class=probability` for each.
        let said = |p: &[f32]| {
            let mut order: Vec<usize> = (0..p.len()).collect();
            order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
            let some: Vec<(f32, &String)> =
                order.iter().take(2).filter(|&&c| p[c] > 0.005).map(|&c| (p[c], &data.classes[c])).collect();
            let join = |form: &dyn Fn(f32, &String) -> String, between: &str| {
                some.iter().map(|&(p, class)| form(p, class)).collect::<Vec<_>>().join(between)
            };
            Cell {
                shown: join(&|p, class| format!("{} {class}", percent(f64::from(p))), ", "),
                value: join(&|p, class| format!("{class}={p}"), "; "),
            }
        };
        let yes = |b: bool| Cell::text(if b { "yes" } else { "no" });
        table.row([
            Cell::text(f.target.words(&data.classes)),
            said(&f.best.reached),
            Cell::number(f.target.distance(&f.best.reached).into(), 4),
            Cell::number(f.best.loss().into(), 4),
            Cell::count(f.best.losses.len() - 1),
            Cell::number(f.likeness[0].distance.into(), 3),
            yes(f.likeness[0].looks_like_it),
            yes(f.likeness[1].looks_like_it),
        ]);
    }
    table
}

fn tile(pixels: &[f32], data: &ImageData) -> Tile {
    Tile::chw(pixels, data.train.channels(), data.train.height(), data.train.width())
}

/// The ends, framed by whether they look like the target.
pub fn overview(found: &[DreamFound], data: &ImageData) -> Figure {
    let size = found[0].best.image().len();
    let frame = |yes: bool| if yes { Colour::CORRECT } else { Colour::INCORRECT };
    let words = |f: &DreamFound| f.target.words(&data.classes);
    let with = found.iter().map(|f| {
        let p = f.best.reached[f.target.main_class()];
        tile(f.best.image(), data)
            .caption(&words(f))
            .caption(&percent(f64::from(p)))
            .border(frame(f.likeness[0].looks_like_it))
    });
    let without = found.iter().map(|f| {
        let p = f.unregularized.reached[f.target.main_class()];
        tile(f.unregularized.image(), data)
            .caption(&words(f))
            .caption(&percent(f64::from(p)))
            .border(frame(f.likeness[1].looks_like_it))
    });
    let nearest = found.iter().map(|f| {
        let i = f.likeness[0].nearest;
        tile(&data.train.pixels.data()[i * size..][..size], data).caption(&data.classes[data.train.labels()[i]])
    });
    ImageGrid::new("Dreams")
        .group("regularized", with.collect())
        .group("not regularized", without.collect())
        .group("nearest training image", nearest.collect())
        .columns(found.len().min(10))
        .tile_size(96.0)
        .draw()
}

/// Start, some steps, end.
pub fn way(f: &DreamFound, data: &ImageData) -> Figure {
    let row = |frames: &[(usize, Vec<f32>)]| -> Vec<Tile> {
        let n = frames.len();
        let chosen: Vec<usize> =
            if n <= SHOWN + 2 { (0..n).collect() } else { (0..SHOWN + 2).map(|i| i * (n - 1) / (SHOWN + 1)).collect() };
        chosen.iter().map(|&i| tile(&frames[i].1, data).caption(&format!("step {}", frames[i].0))).collect()
    };
    ImageGrid::new(&format!("Steps towards {}", f.target.words(&data.classes)))
        .group("regularized", row(&f.best.frames))
        .group("not regularized", row(&f.unregularized.frames))
        .columns(SHOWN + 2)
        .tile_size(88.0)
        .draw()
}

/// The network's prediction as bars: of many classes the most probable.
pub fn prediction(f: &DreamFound, classes: &[String]) -> Figure {
    let mut chart =
        BarChart::new("The network's prediction").range(0.0, 1.0).percent().axis("probability").width(420.0);
    let mut order: Vec<usize> = (0..classes.len()).collect();
    if classes.len() > BARS {
        order.sort_by(|&a, &b| f.best.reached[b].total_cmp(&f.best.reached[a]).then(a.cmp(&b)));
        order.truncate(BARS);
    }
    for (c, class) in order.into_iter().map(|c| (c, &classes[c])) {
        chart = chart.coloured(class, f64::from(f.best.reached[c]), None, Colour::class(c));
    }
    chart.draw()
}

/// Distance to the target over the steps.
pub fn losses(f: &DreamFound) -> Figure {
    let points = |losses: &[f32]| -> Vec<(f64, f64)> {
        losses.iter().enumerate().map(|(i, &loss)| (i as f64, f64::from(loss.max(1e-6)))).collect()
    };
    LineChart::new("Distance to the target")
        .axes("step", "distance")
        .log_y()
        .series("regularized", &points(&f.best.losses))
        .series("not regularized", &points(&f.unregularized.losses))
        .size(420.0, 300.0)
        .draw()
}

/// The regularized dream as an animation.
fn animation(f: &DreamFound, data: &ImageData, path: &Path) -> Result<()> {
    let (channels, h, w) = (data.train.channels(), data.train.height(), data.train.width());
    let mut bytes = Vec::new();
    {
        let mut encoder = GifEncoder::new(&mut bytes);
        let broken = |e: image::ImageError| crate::error::Error::invalid(format!("cannot make an animation: {e}"));
        encoder.set_repeat(Repeat::Infinite).map_err(broken)?;
        let last = f.best.frames.len() - 1;
        for (i, (_, pixels)) in f.best.frames.iter().enumerate() {
            let level =
                |c: usize, y: usize, x: usize| (255.0 * pixels[(c.min(channels - 1) * h + y) * w + x]).round() as u8;
            let image = RgbaImage::from_fn(w as u32 * ZOOM, h as u32 * ZOOM, |x, y| {
                let (x, y) = ((x / ZOOM) as usize, (y / ZOOM) as usize);
                image::Rgba([level(0, y, x), level(1, y, x), level(2, y, x), 255])
            });
            let wait = if i == last { 2000 } else { 300 };
            encoder
                .encode_frame(Frame::from_parts(image, 0, 0, Delay::from_numer_denom_ms(wait, 1)))
                .map_err(broken)?;
        }
    }
    files::write_atomic(path, &bytes)
}
