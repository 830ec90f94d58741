//! The report of a self-organizing map: how well it fits, how it learned, the map and its units, classes.

use super::shown::{are_images, in_units, mosaic};
use super::{Mapped, OnSplit, findings, mean};
use crate::analysis::pca::{Pca, Randomized};
use crate::analysis::som::{Grid, Lattice, Mode};
use crate::error::Result;
use crate::experiment::report::{data_name, made};
use crate::report::chart::{ColourMap, Confusion, ImageGrid, LineChart, UnitMap, UnitNet};
use crate::report::table::csv_bytes;
use crate::report::words::{counted, percent, thousands};
use crate::report::{Callout, Cell, Figure, Table};
use crate::run::{Book, RunFolder};
use ndarray::{Array2, ArrayView2};

/// The table of the run that holds every unit.
const UNITS_TABLE: &str = "tables/units.csv";
/// The table of the run that holds the test samples with their true and predicted classes.
const PREDICTIONS: &str = "tables/predictions.csv";
/// Most component planes that are drawn.
const PLANES: usize = 12;
/// Most numbers in units that are drawn as images.
const MOST_PIXELS: usize = 16_000_000;
/// Most samples that are drawn beneath the units.
const DRAWN: usize = 1000;
/// With more columns than these the principal components are found by random projections.
const WIDE: usize = 200;
/// The source of what the report shows.
const SOURCE: &str = "src/analysis/som/mod.rs";

/// The map as charts take it.
struct Sheet {
    centres: Vec<(f64, f64)>,
    hexagonal: bool,
    hits: Vec<usize>,
    u_matrix: Vec<f64>,
}

impl Mapped {
    /// Writes `report.html`, the figures and the tables.
    pub fn write(&self, folder: &RunFolder) -> Result<()> {
        let e = &self.experiment;
        let test = counted(self.data.test.len(), &format!("test {}", self.data.noun()));
        let mut book = Book::open(folder, &e.name, &format!("Data: {}, {test}; seed {}", data_name(e), e.seed));
        let lattice = self.map.lattice;
        let sheet = Sheet {
            centres: (0..lattice.units()).map(|unit| lattice.centre(unit)).collect(),
            hexagonal: lattice.grid == Grid::Hexagonal,
            hits: self.on_train().matches.hits(),
            u_matrix: self.map.u_matrix(),
        };
        let units = in_units(&self.preparation, self.map.units.view())?;
        folder.write(UNITS_TABLE, &self.units_table(&sheet, &units))?;
        if let Some(predictions) = self.predictions()? {
            folder.write(PREDICTIONS, &predictions)?;
        }
        self.verdict(&mut book);
        self.learning(&mut book)?;
        self.grid(&sheet, &mut book)?;
        self.weights(&sheet, &units, &mut book)?;
        self.unfolding(&mut book)?;
        let last = if self.classes.is_some() {
            self.labelled(&sheet, &mut book)?;
            "6"
        } else {
            "5"
        };
        made(last, e, &self.data.sha256, &self.seconds, &mut book);
        book.finish()
    }

    fn verdict(&self, book: &mut Book<'_>) {
        let (lattice, test) = (self.map.lattice, self.on_test());
        let n = test.matches.best.len();
        let (quantization, topographic) = (test.matches.quantization_error(), test.matches.topographic_error());
        let mut words = findings::verdict((lattice.rows, lattice.columns), quantization, topographic, n);
        let (units, unused) = (lattice.units(), self.unused());
        let mut scores = vec![
            (format!("{quantization:.3}"), "quantization error", "mean distance, test set"),
            (percent(topographic), "topographic error", "test set"),
            (format!("{} of {units}", units - unused), "units in use", "training set"),
        ];
        if let Some(confusion) = &test.confusion {
            words = format!("{words} {}", self.accuracy_words(test));
            scores.push((percent(confusion.accuracy()), "accuracy", "majority of the unit, test set"));
        }
        if !self.cross_validation.is_empty() {
            scores.push((percent(mean(&self.cross_validation)), "accuracy", "cross-validation"));
        }
        let scores: Vec<(&str, &str, &str)> = scores.iter().map(|(value, name, of)| (&**value, *name, *of)).collect();
        let lead = book.page.lead();
        lead.callout(Callout::Verdict, "Verdict", &words).scores(&scores);
        if !self.experiment.about.is_empty() {
            lead.paragraph(&self.experiment.about);
        }
        lead.paragraph(&self.test_set.words(None));
    }

    fn accuracy_words(&self, test: &OnSplit) -> String {
        let Some(confusion) = &test.confusion else { return String::new() };
        let most = self.data.test.counts().into_iter().max().unwrap_or(0);
        findings::accuracy(confusion.correct(), confusion.total(), most as f64 / confusion.total().max(1) as f64)
    }

    fn learning(&self, book: &mut Book<'_>) -> Result<()> {
        let (h, e) = (&self.history, &self.experiment);
        let curves = |what: &str, title: &str| {
            let mut chart = LineChart::new(&format!("{}: {title}", e.name)).axes("epoch", title);
            for (split, words) in [("train", "training"), ("val", "validation")] {
                let curve = h.curve(&format!("{split}_{what}"));
                if !curve.is_empty() {
                    chart = chart.epochs(words, &curve);
                }
            }
            chart.draw()
        };
        let quantization = book.figure("quantization_error", curves("quantization_error", "quantization error"))?;
        let topographic = book.figure("topographic_error", curves("topographic_error", "topographic error"))?;
        let radius = LineChart::new(&format!("{}: radius", e.name)).axes("epoch", "radius (units)");
        let radius = book.figure("radius", radius.epochs("radius of the neighbourhood", &h.curve("radius")).draw())?;
        let heads = ["split", "samples", "quantization error", "topographic error", "accuracy", "mutual information"];
        let mut table = Table::new(&heads);
        for split in &self.splits {
            let confusion = split.confusion.as_ref();
            table.row([
                Cell::text(split.name),
                Cell::count(split.matches.best.len()),
                Cell::number(split.matches.quantization_error(), 4),
                Cell::number(split.matches.topographic_error(), 4),
                confusion.map_or(Cell::none(), |confusion| Cell::number(confusion.accuracy(), 4)),
                split.mutual_information.map_or(Cell::none(), |information| Cell::number(information, 4)),
            ]);
        }
        let table = book.table("splits", table)?;
        let curve = h.curve("train_quantization_error");
        let (first, last) = (curve.first().copied().unwrap_or(0.0), curve.last().copied().unwrap_or(0.0));
        book.page
            .section("1", "Learning")
            .figures(&[
                (
                    &quantization,
                    "Quantization error: mean distance of samples from their best matching units, after each epoch.",
                ),
                (&topographic, "Topographic error: fraction of samples whose two nearest units are not neighbours."),
                (&radius, "The radius with which each epoch begins, in distances between neighbouring units."),
            ])
            .paragraph(&findings::learning(first, last, h.epochs.len()))
            .table(&table, "The map after the last epoch, on each split")
            .source(SOURCE);
        Ok(())
    }

    fn grid(&self, sheet: &Sheet, book: &mut Book<'_>) -> Result<()> {
        let u = UnitMap::values("U-matrix", &sheet.centres, sheet.hexagonal, &sheet.u_matrix, ColourMap::Terrain);
        let u = book.figure("u_matrix", u.draw())?;
        let hits: Vec<f64> = sheet.hits.iter().map(|&n| n as f64).collect();
        let words: Vec<String> =
            sheet.hits.iter().map(|&n| if n > 0 { n.to_string() } else { String::new() }).collect();
        let hits = UnitMap::values("Hits", &sheet.centres, sheet.hexagonal, &hits, ColourMap::Blues).words(&words);
        let hits = book.figure("hits", hits.draw())?;
        let neighbours = if sheet.hexagonal { "six" } else { "eight" };
        let border = if self.map.lattice.toroidal { "; opposite sides of the map meet" } else { "" };
        let u_words = format!(
            "For each unit the mean distance of its weights from those of its (at most {neighbours}) neighbours{border}: bright cells are \
             borders between groups of samples."
        );
        book.page
            .section("2", "The map")
            .figures(&[
                (&u, &u_words),
                (&hits, "Number of training samples whose best matching unit it is; cells without a number have none."),
            ])
            .paragraph(&self.unused_words(sheet))
            .paragraph(&format!("Every unit is in `{UNITS_TABLE}`, in the order of the rows of the map."));
        Ok(())
    }

    fn unused_words(&self, sheet: &Sheet) -> String {
        let start = self.frames.first().map(|(_, units)| units);
        let moved = |unit: usize| {
            let from = start.map(|start| start.row(unit).to_owned());
            let pairs = from.into_iter().flatten().zip(self.map.units.row(unit));
            pairs.map(|(a, b)| f64::from(a - b) * f64::from(a - b)).sum::<f64>().sqrt()
        };
        let mean_of = |unused: bool, of: &dyn Fn(usize) -> f64| {
            let units: Vec<usize> = (0..sheet.hits.len()).filter(|&unit| (sheet.hits[unit] == 0) == unused).collect();
            units.iter().map(|&unit| of(unit)).sum::<f64>() / units.len().max(1) as f64
        };
        let moved = [true, false].map(|unused| mean_of(unused, &moved));
        let apart = [true, false].map(|unused| mean_of(unused, &|unit| sheet.u_matrix[unit]));
        findings::unused(self.unused(), sheet.hits.len(), moved, apart)
    }

    /// Component planes, or the units as images.
    fn weights(&self, sheet: &Sheet, units: &Array2<f32>, book: &mut Book<'_>) -> Result<()> {
        if are_images(&self.preparation) {
            if units.len() > MOST_PIXELS {
                let words =
                    "The units would be more pixels than a report can hold; their weights are in `checkpoints/`.";
                book.page.section("3", "The units").paragraph(words);
                return Ok(());
            }
            let tile = mosaic(&self.preparation, &self.map.lattice, units);
            let grid = ImageGrid::new("The units as images").group("", vec![tile]).columns(1).tile_size(720.0);
            let figure = book.figure("units", grid.draw())?;
            let scale = if self.preparation.per_image { ", all on one scale" } else { "" };
            let words = format!("The weights of each unit as an image, at its place on the map{scale}.");
            book.page.section("3", "The units").figure(&figure, &words);
            return Ok(());
        }
        let d = units.ncols();
        let names = self.feature_names(d);
        let mut figures = Vec::new();
        for (j, name) in names.iter().enumerate().take(PLANES) {
            let plane: Vec<f64> = units.column(j).iter().map(|&w| f64::from(w)).collect();
            let chart = UnitMap::values(name, &sheet.centres, sheet.hexagonal, &plane, ColourMap::Terrain);
            figures.push((book.figure(&format!("component_{}", j + 1), chart.draw())?, format!("Weights for {name}.")));
        }
        let figures: Vec<(&Figure, &str)> = figures.iter().map(|(figure, words)| (figure, &**words)).collect();
        let shown = if d > PLANES { format!(" The first {PLANES} of {d} features are drawn.") } else { String::new() };
        book.page.section("3", "Component planes").figures(&figures).paragraph(&format!(
            "Each plane shows the weights of all units for one feature, in the units of the data. Features whose planes look alike vary \
             together.{shown}"
        ));
        Ok(())
    }

    fn feature_names(&self, d: usize) -> Vec<String> {
        let names = if self.preparation.is_table() { self.preparation.columns().features } else { Vec::new() };
        if names.len() == d { names } else { (1..=d).map(|j| format!("feature {j}")).collect() }
    }

    /// The units among the samples, from the start to the last epoch.
    fn unfolding(&self, book: &mut Book<'_>) -> Result<()> {
        let step = self.train.nrows().div_ceil(DRAWN);
        let some: Vec<usize> = (0..self.train.nrows()).step_by(step).collect();
        let flat = Plane::of(self.train.view(), self.experiment.seed)?;
        let points = flat.points(self.train.select(ndarray::Axis(0), &some).view())?;
        let names = flat.names(&self.feature_names(self.train.ncols()));
        let title = format!("{}: the units among the training samples", self.experiment.name);
        let mut net = UnitNet::new(&title, [&names[0], &names[1]], &points, &joined(&self.map.lattice));
        if self.classes.is_some() {
            let labels: Vec<usize> = some.iter().map(|&i| self.data.train.labels()[i]).collect();
            net = net.classes(&self.data.classes, &labels);
        }
        let steps = match self.experiment.som {
            som if som.mode == Mode::Online && som.steps > 0 => Some(som.steps),
            _ => None,
        };
        for (epoch, units) in &self.frames {
            let when = match (epoch, steps) {
                (0, _) => "start".to_owned(),
                (epoch, Some(steps)) => format!("{} iterations", thousands(epoch * steps)),
                (1, None) => "1 epoch".to_owned(),
                (epoch, None) => format!("{} epochs", thousands(*epoch)),
            };
            net = net.panel(&when, &flat.points(units.view())?);
        }
        let figure = book.figure("frames", net.draw())?;
        let drawn = if step > 1 { format!(" Every {step}th training sample is drawn.") } else { String::new() };
        let words = format!("{} Neighbouring units are joined.{drawn}", flat.words());
        book.page.section("4", "How the map unfolds").figure(&figure, &words);
        Ok(())
    }

    fn labelled(&self, sheet: &Sheet, book: &mut Book<'_>) -> Result<()> {
        let Some(classes) = &self.classes else { return Ok(()) };
        let names = &self.data.classes;
        let chart = UnitMap::classes("Classes", &sheet.centres, sheet.hexagonal, &classes.classes, names);
        let map = book.figure("classes", chart.draw())?;
        let test = self.on_test();
        let Some(confusion) = &test.confusion else { return Ok(()) };
        let counts: Vec<Vec<usize>> = confusion.counts.clone();
        let matrix = book.figure("confusion", Confusion::new("Test split", names, &counts).draw())?;
        let train = self.on_train();
        let body = book.page.section("5", "Classes").figures(&[
            (&map, "The class of most of the training samples of each unit."),
            (&matrix, "Test samples by true class and by the class of their unit; an unused unit leaves the prediction to the nearest unit that is used."),
        ]);
        body.paragraph(&self.accuracy_words(test));
        if let Some(information) = train.mutual_information {
            let (n, units) = (train.matches.best.len(), sheet.hits.len());
            body.paragraph(&findings::agreement(information, units, names.len(), "training", n));
        }
        if !self.cross_validation.is_empty() {
            let folds = self.experiment.validation.folds;
            body.paragraph(&findings::cross_validated(&self.cross_validation, folds, train.matches.best.len()));
        }
        body.paragraph("The classes had no part in training: they were looked at afterwards.");
        Ok(())
    }

    /// Every test sample: true label and prediction; none without classes.
    fn predictions(&self) -> Result<Option<Vec<u8>>> {
        let Some(predicted) = &self.on_test().predicted else { return Ok(None) };
        let header = ["sample", "true_label", "prediction"].map(String::from).to_vec();
        let (names, test) = (&self.data.classes, &self.data.test);
        let row = |i: usize| vec![test.names[i].clone(), names[test.labels()[i]].clone(), names[predicted[i]].clone()];
        Ok(Some(csv_bytes(std::iter::once(header).chain((0..test.len()).map(row))).expect("the rows have one length")))
    }

    /// Every unit: place, hits, distance to its neighbours, class, and, of tables, its weights in the units of the data.
    fn units_table(&self, sheet: &Sheet, units: &Array2<f32>) -> Vec<u8> {
        let mut header: Vec<String> = ["row", "column", "hits", "u_matrix", "class"].map(String::from).to_vec();
        let with_weights = !are_images(&self.preparation);
        if with_weights {
            header.extend(self.feature_names(units.ncols()));
        }
        let columns = self.map.lattice.columns;
        let row = |unit: usize| {
            let class = self.classes.as_ref().and_then(|classes| classes.classes[unit]);
            let class = class.map_or(String::new(), |class| self.data.classes[class].clone());
            let place = [unit / columns + 1, unit % columns + 1, sheet.hits[unit]].map(|n| n.to_string());
            let mut row = [&place[..], &[sheet.u_matrix[unit].to_string(), class]].concat();
            if with_weights {
                row.extend(units.row(unit).iter().map(f32::to_string));
            }
            row
        };
        csv_bytes(std::iter::once(header).chain((0..units.nrows()).map(row))).expect("the rows have one length")
    }
}

/// The pairs of units that lie side by side, or one above the other: a square grid's diagonals would hide it. Opposite sides
/// of a toroidal map are not joined.
fn joined(lattice: &Lattice) -> Vec<(usize, usize)> {
    let flat = Lattice { toroidal: false, ..*lattice };
    let pairs = (0..flat.units()).flat_map(|a| (a + 1..flat.units()).map(move |b| (a, b)));
    pairs.filter(|&(a, b)| flat.squared_distance(a, b) == 1.0).collect()
}

/// The plane on which samples and units are drawn.
enum Plane {
    /// They have one or two features.
    Itself,
    /// The first two principal components of the training samples, and the fraction of the variance in them.
    Principal(Box<Pca<f32>>),
}

impl Plane {
    fn of(x: ArrayView2<'_, f32>, seed: u64) -> Result<Self> {
        if x.ncols() <= 2 || x.nrows() < 2 {
            return Ok(Plane::Itself);
        }
        let pca =
            if x.ncols() > WIDE { Pca::fit_randomized(x, 2, Randomized::default(), seed)? } else { Pca::fit(x, 2)? };
        Ok(Plane::Principal(Box::new(pca)))
    }

    fn points(&self, x: ArrayView2<'_, f32>) -> Result<Vec<(f64, f64)>> {
        let flat = match self {
            Plane::Itself => x.to_owned(),
            Plane::Principal(pca) => pca.transform(x)?,
        };
        let at = |row: ndarray::ArrayView1<'_, f32>, j: usize| row.get(j).map_or(0.0, |&v| f64::from(v));
        Ok(flat.rows().into_iter().map(|row| (at(row, 0), at(row, 1))).collect())
    }

    fn names(&self, features: &[String]) -> [String; 2] {
        match self {
            Plane::Itself => [0, 1].map(|j| features.get(j).cloned().unwrap_or_default()),
            Plane::Principal(_) => ["principal component 1", "principal component 2"].map(String::from),
        }
    }

    fn words(&self) -> String {
        match self {
            Plane::Itself => {
                "Training samples and units in the plane of the features, as the map gets them.".to_owned()
            }
            Plane::Principal(pca) => {
                let part = percent(pca.explained_variance_ratio.iter().sum());
                format!(
                    "Training samples and units on the plane of the first two principal components, which holds {part} of the variance."
                )
            }
        }
    }
}
