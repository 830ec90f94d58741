//! What was found in the codes, in one page; several runs point by point.

use super::findings::{self, Summary};
use super::{Findings, Generated, SIDE, STEPS};
use crate::data::ImageData;
use crate::error::Result;
use crate::files;
use crate::report::chart::{BarChart, Colour, ImageGrid, Tile};
use crate::report::words::counted;
use crate::report::{Callout, Cell, Figure, Page, Table};
use crate::run::book::SMOKE_WORDS;
use crate::tensor::Tensor;
use serde_json::{Value, json};
use std::path::Path;

/// How to read the table of generated images.
const GENERATED: &str = "Images decoded from latent samples. Confidence and entropy are those of a classifier; the inception \
                         score lies between 1 and the number of classes; diversity is the mean distance of two images, \
                         relative to that of two test images; the last column is the root mean squared distance to the \
                         nearest training image.";

/// Writes `report.html`, `figures/` and `tables/` into `folder`. What a smoke run learned means nothing, and the page says so.
pub fn write(all: &[Findings], data: &ImageData, dims: usize, is_smoke: bool, folder: &Path) -> Result<()> {
    let names: Vec<&str> = all.iter().map(|f| f.name.as_str()).collect();
    let mut page = Page::new(&format!("The codes of {}", names.join(" and ")));
    page.subtitle(&format!("{}, embeddings in {dims} dimensions", counted(data.test.len(), "test image")));
    if is_smoke {
        page.banner(SMOKE_WORDS);
    }
    page.footer(&format!("Written by Gradus {}. This file needs no network.", env!("CARGO_PKG_VERSION")));
    let table = point_by_point(all);
    // A program wants a row for each run, a reader a column.
    table.transposed().save(&folder.join("tables"), "latent")?;
    let generated = of_generated(all);
    generated.save(&folder.join("tables"), "generated")?;
    page.lead().callout(Callout::Verdict, "In short", &verdict(all));
    page.section("1", if all.len() > 1 { "Point by point" } else { "In numbers" })
        .table(&table, "Errors are mean squared errors per value.")
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
            "recognized": f.recognized.map(|[images, reconstructions]| json!({
                "images": images, "reconstructions": reconstructions,
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
    // What a reader is fault_of, and the name by which programs know it in the file.
    let mut row = |shown: &str, value: &str, f: &dyn Fn(&Findings) -> Cell| {
        let name = Cell { shown: shown.to_owned(), value: value.to_owned() };
        table.row(std::iter::once(name).chain(all.iter().map(f)));
    };
    row("dimensions of the code", "numbers in a code", &|f| Cell::count(f.layer.1));
    row("the code is", "the code is", &|f| if f.is_variational { "a distribution" } else { "a point" }.into());
    row("test error", "test error", &|f| Cell::number(f.mse, 5));
    row("active units", "dimensions in use", &|f| Cell {
        shown: format!("{} of {}", active(f), f.layer.1),
        ..Cell::count(active(f))
    });
    row("5-NN accuracy of the codes", "five nearest codes name the class", &|f| Cell::fraction(f.knn_accuracy));
    for (i, map) in all[0].maps.iter().enumerate() {
        let name = map.method.name();
        let (shown, value) =
            (format!("5-NN accuracy of the {name} embedding"), format!("five nearest in the map by {name} name it"));
        row(&shown, &value, &|f| Cell::fraction(f.maps[i].knn_accuracy));
    }
    row("silhouette of the classes in the codes", "silhouette of the classes among the codes", &|f| {
        Cell::number(f.silhouette, 3)
    });
    if all.iter().any(|f| f.recognized.is_some()) {
        row("classifier accuracy on test images", "a classifier knows the images", &|f| {
            f.recognized.map_or(Cell::none(), |r| Cell::fraction(r[0]))
        });
        row("classifier accuracy on their reconstructions", "and their reconstructions", &|f| {
            f.recognized.map_or(Cell::none(), |r| Cell::fraction(r[1]))
        });
    }
    table
}

/// How good images decoded from latent samples are: one row for each run and source of samples.
fn of_generated(all: &[Findings]) -> Table {
    let judged = all.iter().any(|f| f.recognized.is_some());
    let mut heads = vec!["run", "latent samples from"];
    if judged {
        heads.extend(["confidence", "entropy, nats", "inception score"]);
    }
    heads.extend(["diversity", "distance to nearest"]);
    let mut table =
        Table::new(&heads).key("latent samples from", "codes drawn from").key("distance to nearest", "to the nearest");
    if judged {
        table = table.key("inception score", "classes shown");
    }
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
        let most = |labels: &[usize]| {
            let classes = labels.iter().max().map_or(0, |m| m + 1);
            (0..classes).map(|c| labels.iter().filter(|&&l| l == c).count()).max().unwrap_or(0)
        };
        let judged = |g: &Generated| Some((g.source, g.inception_score?, g.confidence?));
        findings::verdict(&Summary {
            name: &f.name,
            mse: f.mse,
            dimensions: f.layer.1,
            active: active(f),
            knn_accuracy: f.knn_accuracy,
            majority: most(&f.labels) as f64 / f.labels.len().max(1) as f64,
            generated: f.generated.iter().filter_map(judged).collect(),
        })
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
        .figure(&grid, "Test images above their reconstructions, with the mean squared error per value.");

    let mut bars = BarChart::new("Variance of each dimension of the code").axis("variance");
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
    page.section(&sections.next(), "Embeddings of the codes").figures(&[
        (&maps[0], "The first principal components."),
        (&maps[1], "t-SNE, which preserves neighbourhoods; its distances have no scale."),
        (&bars, "A dimension that hardly varies is not an active unit."),
    ]);

    let manifold = draw("manifold", sheet("The manifold", &f.manifold.0, data, SIDE, 40.0))?;
    page.section(&sections.next(), "The manifold")
        .figure(&manifold, &format!("Decoded codes on a grid through {}.", f.manifold.1));

    let mut ways = ImageGrid::new("Interpolations between two images").columns(STEPS).tile_size(72.0);
    for way in &f.interpolations {
        ways = ways.group("", tiles(way, data));
    }
    let ways = draw("interpolations", ways.draw())?;
    let mut walks = ImageGrid::new("One dimension at a time").columns(STEPS).tile_size(72.0);
    for (j, images) in &f.traversals {
        walks = walks.group(&format!("dimension {} (variance {:.2})", j + 1, f.variances[*j]), tiles(images, data));
    }
    let walks = draw("traversals", walks.draw())?;
    page.section(&sections.next(), "Walks")
        .figure(&ways, "Codes on the straight line between those of two test images, decoded.")
        .figure(
            &walks,
            "Each row changes one dimension of one image's code, from two standard deviations below the mean to two above.",
        );

    let body = page.section(&sections.next(), "Generated images");
    for (i, g) in f.generated.iter().enumerate() {
        let figure = draw(&format!("generated_{i}"), sheet(g.source, &g.images, data, 10, 64.0))?;
        body.figure(&figure, &format!("Decoded latent samples from the {}.", g.source));
    }
    if !f.analogies.is_empty() {
        let mut grid = ImageGrid::new("Arithmetic on codes").columns(4).tile_size(84.0);
        for ([a, b, c], images) in &f.analogies {
            let names = [a.clone(), b.clone(), c.clone(), format!("{a} - {b} + {c}")];
            let tiles = tiles(images, data).into_iter().zip(&names).map(|(tile, name)| tile.caption(name));
            grid = grid.group("", tiles.collect());
        }
        let grid = draw("analogies", grid.draw())?;
        page.section(&sections.next(), "Arithmetic")
            .figure(&grid, "Mean codes of three classes, and what a - b + c is decoded to.");
    }
    Ok(())
}

fn tiles(images: &Tensor, data: &ImageData) -> Vec<Tile> {
    let (c, h, w) = (data.test.channels(), data.test.height(), data.test.width());
    images.data().chunks(c * h * w).map(|values| Tile::chw(values, c, h, w)).collect()
}

fn sheet(title: &str, images: &Tensor, data: &ImageData, columns: usize, size: f64) -> Figure {
    ImageGrid::new(title).group("", tiles(images, data)).columns(columns).tile_size(size).draw()
}

fn reconstructions(f: &Findings, data: &ImageData) -> Figure {
    let groups = [("best", &f.extremes.best), ("typical", &f.extremes.typical), ("worst", &f.extremes.worst)];
    let mut grid = ImageGrid::new("Reconstructions").columns(f.extremes.best.len()).tile_size(84.0);
    for (name, indices) in groups {
        let captions = indices.iter().map(|&i| format!("{:.4}", f.errors[i]));
        let given = tiles(&f.outputs.gather(indices), data).into_iter().zip(captions);
        grid = grid
            .group(&format!("{name}: inputs"), tiles(&data.test.pixels.gather(indices), data))
            .group(&format!("{name}: reconstructions"), given.map(|(tile, words)| tile.caption(&words)).collect());
    }
    grid.draw()
}
