//! What was found in the codes, in one page; several runs point by point.

use super::{Findings, Generated, SIDE, STEPS};
use crate::data::ImageData;
use crate::error::Result;
use crate::files;
use crate::report::chart::{BarChart, Colour, ImageGrid, Tile};
use crate::report::words::{counted, percent};
use crate::report::{Callout, Cell, Figure, Page, Table};
use crate::tensor::Tensor;
use serde_json::{Value, json};
use std::path::Path;

/// What stands above the table of generated pictures.
const GENERATED: &str = "Pictures made of codes that nobody encoded. Confidence and entropy are a classifier's; classes \
                         shown is the inception score, between 1 and the number of classes; diversity is the mean \
                         distance of two of them, that of test pictures being 1; the nearest is a training picture, and \
                         the distance a root mean square.";

/// Writes `report.html`, `figures/` and `tables/` into `folder`.
pub fn write(all: &[Findings], data: &ImageData, dims: usize, folder: &Path) -> Result<()> {
    let names: Vec<&str> = all.iter().map(|f| f.name.as_str()).collect();
    let mut page = Page::new(&format!("The codes of {}", names.join(" and ")));
    page.subtitle(&format!("{}, maps in {dims} dimensions", counted(data.test.len(), "test picture")));
    page.footer(&format!("Written by Gradus {}. This file needs no network.", env!("CARGO_PKG_VERSION")));
    let table = point_by_point(all);
    // A program wants a row for each run, a reader a column.
    table.transposed().save(&folder.join("tables"), "latent")?;
    let generated = of_generated(all);
    generated.save(&folder.join("tables"), "generated")?;
    page.lead().callout(Callout::Verdict, "In short", &verdict(all));
    page.section("1", if all.len() > 1 { "Point by point" } else { "In numbers" })
        .table(&table, "Errors are mean squares of a number.")
        .table(&generated, GENERATED)
        .source("src/experiment/latent/mod.rs");
    let mut sections = Sections(1);
    for (i, f) in all.iter().enumerate() {
        one(f, i, &mut sections, data, &mut page, folder)?;
    }
    files::write_atomic(folder.join("report.html"), page.render().as_bytes())
}

/// The numbers of all runs as JSON.
pub fn results(all: &[Findings]) -> Value {
    let one = |f: &Findings| {
        json!({
            "run": f.name,
            "layer": f.layer.0,
            "dimensions": f.layer.1,
            "variational": f.is_variational,
            "mse": f.mse,
            "active_units": active(f),
            "variances": f.variances,
            "knn_accuracy": f.knn_accuracy,
            "silhouette": f.silhouette,
            "maps": f.maps.iter().map(|m| json!({ "method": m.method.name(), "knn_accuracy": m.knn_accuracy })).collect::<Vec<_>>(),
            "recognized": f.recognized.map(|[pictures, reconstructions]| json!({
                "pictures": pictures, "reconstructions": reconstructions,
            })),
            "generated": f.generated,
        })
    };
    json!({ "results": all.iter().map(one).collect::<Vec<_>>() })
}

fn active(f: &Findings) -> usize {
    f.variances.iter().filter(|v| **v > crate::analysis::latent::ACTIVE).count()
}

/// One row a question, one column a run.
fn point_by_point(all: &[Findings]) -> Table {
    let mut heads = vec!["run"];
    heads.extend(all.iter().map(|f| f.name.as_str()));
    let mut table = Table::new(&heads);
    let mut row = |name: &str, f: &dyn Fn(&Findings) -> Cell| {
        table.row(std::iter::once(Cell::text(name)).chain(all.iter().map(f)));
    };
    row("numbers in a code", &|f| Cell::count(f.layer.1));
    row("the code is", &|f| if f.is_variational { "a distribution" } else { "a point" }.into());
    row("test error", &|f| Cell::number(f.mse, 5));
    row("dimensions in use", &|f| Cell { shown: format!("{} of {}", active(f), f.layer.1), ..Cell::count(active(f)) });
    row("five nearest codes name the class", &|f| Cell::fraction(f.knn_accuracy));
    for (i, map) in all[0].maps.iter().enumerate() {
        let name = map.method.name();
        row(&format!("five nearest in the map by {name} name it"), &|f| Cell::fraction(f.maps[i].knn_accuracy));
    }
    row("silhouette of the classes among the codes", &|f| Cell::number(f.silhouette, 3));
    if all.iter().any(|f| f.recognized.is_some()) {
        row("a classifier knows the pictures", &|f| f.recognized.map_or(Cell::none(), |r| Cell::fraction(r[0])));
        row("and their reconstructions", &|f| f.recognized.map_or(Cell::none(), |r| Cell::fraction(r[1])));
    }
    table
}

/// How good the pictures are that nobody has encoded: one row for each run and source of codes.
fn of_generated(all: &[Findings]) -> Table {
    let judged = all.iter().any(|f| f.recognized.is_some());
    let mut heads = vec!["run", "codes drawn from"];
    if judged {
        heads.extend(["confidence", "entropy, nats", "classes shown"]);
    }
    heads.extend(["diversity", "to the nearest"]);
    let mut table = Table::new(&heads);
    let number = |value: Option<f64>| value.map_or(Cell::none(), |v| Cell::number(v, 3));
    for f in all {
        for g in &f.generated {
            let mut row = vec![Cell::text(&f.name), Cell::text(g.source)];
            if judged {
                row.extend([
                    g.confidence.map_or(Cell::none(), Cell::fraction),
                    number(g.entropy),
                    number(g.inception_score),
                ]);
            }
            row.extend([number(Some(g.diversity)), number(Some(g.nearest))]);
            table.row(row);
        }
    }
    table
}

fn verdict(all: &[Findings]) -> String {
    let one = |f: &Findings| {
        let shown = |g: &&Generated| g.inception_score.unwrap_or(0.0);
        let judged = f.generated.iter().filter(|g| g.inception_score.is_some());
        let best = judged.max_by(|a, b| shown(a).total_cmp(&shown(b)));
        let made = best.map_or(String::new(), |g| {
            format!(
                " Of codes that nobody encoded, those from the {} are decoded to the best pictures: {:.1} classes are \
                 plainly shown, and a classifier is {} sure.",
                g.source,
                shown(&g),
                percent(g.confidence.unwrap_or(0.0))
            )
        });
        format!(
            "{} gives pictures back with a mean squared error of {:.5} through {} numbers, {} of them in use; the five \
             nearest codes name the class of {}.{made}",
            f.name,
            f.mse,
            f.layer.1,
            active(f),
            percent(f.knn_accuracy)
        )
    };
    all.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Numbers the sections.
struct Sections(usize);

impl Sections {
    fn next(&mut self) -> String {
        self.0 += 1;
        self.0.to_string()
    }
}

/// Everything about one run.
fn one(
    f: &Findings,
    number: usize,
    sections: &mut Sections,
    data: &ImageData,
    page: &mut Page,
    folder: &Path,
) -> Result<()> {
    let figures = folder.join("figures");
    let draw = |kind: &str, figure: Figure| figure.save(&figures, &format!("{kind}_{number}")).map(|()| figure);
    page.part(&f.name);
    let grid = draw("reconstructions", reconstructions(f, data))?;
    page.section(&sections.next(), "Reconstructions")
        .figure(&grid, "Test pictures above what the network makes of them, with the mean squared error of a number.");

    let mut bars = BarChart::new("Variance of each number of the code");
    for (j, variance) in f.variances.iter().enumerate() {
        bars = bars.coloured(&(j + 1).to_string(), *variance, None, Colour::class(0));
    }
    let bars = draw("variances", bars.draw())?;
    let maps: Vec<Figure> = f
        .maps
        .iter()
        .map(|map| {
            let figure = map.figure(&format!("{}: {}", f.name, map.method.name()), &data.classes);
            draw(&format!("map_{}", map.method.name()), figure)
        })
        .collect::<Result<_>>()?;
    page.section(&sections.next(), "Where the codes lie").figures(&[
        (&maps[0], "By principal components."),
        (&maps[1], "By t-SNE: neighbours stay together."),
        (&bars, "A number that hardly varies is not in use."),
    ]);

    let manifold = draw("manifold", sheet("The manifold", &f.manifold.0, data, SIDE, 40.0))?;
    page.section(&sections.next(), "The manifold")
        .figure(&manifold, &format!("Decoded codes on a grid through {}.", f.manifold.1));

    let mut ways = ImageGrid::new("From one picture to another").columns(STEPS).tile_size(72.0);
    for way in &f.interpolations {
        ways = ways.group("", tiles(way, data));
    }
    let ways = draw("interpolations", ways.draw())?;
    let mut walks = ImageGrid::new("One number at a time").columns(STEPS).tile_size(72.0);
    for (j, pictures) in &f.traversals {
        walks = walks.group(&format!("number {} (variance {:.2})", j + 1, f.variances[*j]), tiles(pictures, data));
    }
    let walks = draw("traversals", walks.draw())?;
    page.section(&sections.next(), "Walks")
        .figure(&ways, "Codes on the straight line between those of two test pictures, decoded.")
        .figure(
            &walks,
            "Each row changes one number of one picture's code, from two deviations below the mean to two above.",
        );

    let body = page.section(&sections.next(), "Pictures nobody has drawn");
    for (i, g) in f.generated.iter().enumerate() {
        let figure = draw(&format!("generated_{i}"), sheet(g.source, &g.pictures, data, 10, 64.0))?;
        body.figure(&figure, &format!("Decoded codes drawn from the {}.", g.source));
    }
    if !f.analogies.is_empty() {
        let mut grid = ImageGrid::new("Arithmetic on codes").columns(4).tile_size(84.0);
        for ([a, b, c], pictures) in &f.analogies {
            let names = [a.clone(), b.clone(), c.clone(), format!("{a} - {b} + {c}")];
            let tiles = tiles(pictures, data).into_iter().zip(&names).map(|(tile, name)| tile.caption(name));
            grid = grid.group("", tiles.collect());
        }
        let grid = draw("analogies", grid.draw())?;
        page.section(&sections.next(), "Arithmetic")
            .figure(&grid, "Mean codes of three classes, and what a - b + c is decoded to.");
    }
    Ok(())
}

fn tiles(pictures: &Tensor, data: &ImageData) -> Vec<Tile> {
    let (c, h, w) = (data.test.channels(), data.test.height(), data.test.width());
    pictures.data().chunks(c * h * w).map(|values| Tile::chw(values, c, h, w)).collect()
}

fn sheet(title: &str, pictures: &Tensor, data: &ImageData, columns: usize, size: f64) -> Figure {
    ImageGrid::new(title).group("", tiles(pictures, data)).columns(columns).tile_size(size).draw()
}

fn reconstructions(f: &Findings, data: &ImageData) -> Figure {
    let groups = [("best", &f.extremes.best), ("typical", &f.extremes.typical), ("worst", &f.extremes.worst)];
    let mut grid = ImageGrid::new("Reconstructions").columns(f.extremes.best.len()).tile_size(84.0);
    for (name, indices) in groups {
        let captions = indices.iter().map(|&i| format!("{:.4}", f.errors[i]));
        let given = tiles(&f.outputs.gather(indices), data).into_iter().zip(captions);
        grid = grid
            .group(&format!("{name}: pictures"), tiles(&data.test.pixels.gather(indices), data))
            .group(&format!("{name}: reconstructions"), given.map(|(tile, words)| tile.caption(&words)).collect());
    }
    grid.draw()
}
