//! The data sheet: the images, how they are split, which were skipped.

use super::findings::leakage;
use crate::data::{Images, Skipped};
use crate::error::Result;
use crate::pipeline::results::Results;
use crate::report::chart::{ImageGrid, Tile};
use crate::report::words::{listed, thousands};
use crate::report::{Callout, Cell, Table};
use crate::run::Book;

/// Images of each class on the contact sheet.
const SHOWN: usize = 6;
/// Classes on it.
const CLASSES: usize = 12;

pub(super) fn write(r: &Results, book: &mut Book<'_>) -> Result<()> {
    let data = &r.data;
    let source = if r.config.is_rendered() {
        format!("Galaxies rendered by Gradus from seed {} (`src/data/galaxies.rs`)", r.config.seed)
    } else {
        format!("`{}`", r.config.data.source)
    };
    let splits = if data.given_splits {
        "as given by the folders; a split that is missing there is taken from the training set".to_owned()
    } else {
        let [a, b, c] = r.config.data.split.map(|s| (100.0 * s).round());
        format!("{a}/{b}/{c} %, class by class, shuffled by the seed")
    };
    let groups = match data.grouped {
        None => "each image is its own group".to_owned(),
        Some(n) => {
            format!("`{}` matched {} file names; a group stays in one split", r.config.data.group_by, thousands(n))
        }
    };
    let mut counts = Table::new(&["class", "training", "validation", "test"]);
    let per_split = data.splits().map(|(_, images)| images.counts());
    for (c, class) in data.classes.iter().enumerate() {
        let numbers = per_split.each_ref().map(|counts| Cell::count(counts[c]));
        counts.row(std::iter::once(Cell::text(class)).chain(numbers));
    }
    let totals = data.splits().map(|(_, images)| Cell::count(images.len()));
    counts.strong_row(std::iter::once(Cell::text("all")).chain(totals));
    let counts = book.table("split_counts", counts)?;
    let sheet = book.figure("contact_sheet", contact_sheet(&data.train).draw())?;

    let shown = if data.classes.len() > CLASSES {
        format!("The first training images of the first {CLASSES} classes.")
    } else {
        "The first training images of each class.".to_owned()
    };
    book.page.part("The data");
    let body = book.page.section("", "Data sheet");
    body.facts(&[
        ("Source", source),
        ("Classes", listed(&data.classes)),
        (
            "Images",
            format!("{0} x {0} pixels, {1}", r.config.data.size, if data.channels() == 1 { "gray" } else { "colour" }),
        ),
        ("Splits", splits),
        ("Groups", groups),
    ])
    .row(|row| {
        row.figure(&sheet, &shown).table(&counts, "Images in each split");
    });
    if !data.skipped.is_empty() {
        let mut skipped = Table::new(&["image", "reason"]);
        data.skipped.iter().for_each(|s| {
            skipped.row([s.path.clone(), s.reason.clone()]);
        });
        skipped.save(&book.folder.path("tables"), "skipped")?;
        let title = format!("{} skipped", Skipped::counted(&data.skipped));
        body.details(&title, |body| {
            body.table(&skipped, "Not used");
        });
    }
    if !data.leakage.is_empty() {
        let lines: Vec<String> =
            data.leakage.iter().take(10).map(|l| format!("{} (in {})", l.what, l.splits.join(" and "))).collect();
        let into_test = data.leakage.iter().filter(|l| l.splits.iter().any(|split| split == "test")).count();
        let words = format!("{}: {}.", leakage(data.leakage.len(), into_test), lines.join("; "));
        body.callout(Callout::Caveat, "Leakage", &words);
    }
    body.source("src/pipeline/data.rs");
    Ok(())
}

fn contact_sheet(images: &Images) -> ImageGrid {
    let mut sheet = ImageGrid::new("Contact sheet").columns(SHOWN);
    for (c, class) in images.classes.iter().enumerate().take(CLASSES) {
        let of_class = (0..images.len()).filter(|&i| images.labels()[i] == c);
        sheet = sheet.group(class, of_class.take(SHOWN).map(|i| tile(images, i)).collect());
    }
    sheet
}

/// One image as a tile.
pub(super) fn tile(images: &Images, i: usize) -> Tile {
    let (c, h, w) = (images.channels(), images.height(), images.width());
    Tile::chw(&images.pixels.data()[i * c * h * w..][..c * h * w], c, h, w)
}
