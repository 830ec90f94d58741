//! `kind = "som"`: a self-organizing map ([`crate::analysis::som`]) of the samples.
//!
//! It learns from the samples alone; their classes, where there are any, are only looked at afterwards. Then each unit that is
//! some training sample's best matching unit stands for the class that most of its samples have, and a new sample has the class
//! of the nearest such unit. How well units and classes agree as two partitions is measured by normalized mutual information:
//! a map of 1 x 3 units is a clustering in three.

pub mod findings;
mod learner;
mod report;
mod shown;

use crate::analysis::metrics::{Confusion, normalized_mutual_information};
use crate::analysis::som::{ClassMap, Map, Matches};
use crate::data::{ImageData, Images};
use crate::error::{Error, Result};
use crate::experiment::folds::{check_folds, fold_of_each};
use crate::experiment::found::{Common, Found};
use crate::experiment::kind::{Kind, Learns};
use crate::experiment::known::check_data;
use crate::experiment::load::load;
use crate::experiment::preparation::{PREPARATION, Preparation};
use crate::experiment::prepared::MODEL;
use crate::experiment::spec::Experiment;
use crate::experiment::task::{NetworkOnSamples, Runner, Task};
use crate::run::{RunFolder, Trainer, Watch, ledger};
use crate::train::{Augment, History, Learner, Training};
use learner::{MapLearner, frames};
use ndarray::{Array2, ArrayView2};
use serde_json::{Value, json};

/// What makes the kind.
static KIND: Kind = Kind {
    name: "som",
    learns: Learns::Inputs,
    losses: &[],
    gives: "holds a self-organizing map",
    end: "",
    instead: "its report shows the map, tables/units.csv has its units",
    implied: "",
    takes: &["som", "validation", "train.epochs"],
    fitting: None,
};

/// `kind = "som"`: a map of the samples.
pub struct SelfOrganizingMap;

impl Runner for SelfOrganizingMap {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self, e: &Experiment) -> Result<()> {
        e.som.check().map_err(|error| match error {
            Error::Config { place, what, help } => Error::config(format!("som.{place}"), what, help),
            other => other,
        })?;
        if e.data.augment != Augment::NONE {
            let help = "remove it: a map learns from the samples as they are";
            return Err(Error::config("data.augment", "is for networks", help));
        }
        Ok(())
    }

    fn begin(&self, e: &Experiment, watch: &mut dyn Watch) -> Result<Box<dyn Task>> {
        check_data(e)?;
        let data = load(e, watch)?;
        if e.validation.folds > 0 {
            check_folds(e.validation.folds, &data.train.counts(), &data.classes)?;
        }
        let preparation = Preparation::fit(&e.data, &data.train)?;
        let [train, val, test] = [&data.train, &data.val, &data.test].map(|images| rows(&preparation, images));
        let rows = [train?, val?, test?];
        let (history, map) = (History::default(), None);
        Ok(Box::new(MapTask { experiment: e.clone(), data, preparation, rows, history, map }))
    }

    fn figures(&self, _: &NetworkOnSamples<'_>) -> Result<Value> {
        Err(Error::invalid("som: a map is no network")) // no command opens such a run as one
    }
}

/// The samples as the map gets them, one row each.
fn rows(preparation: &Preparation, images: &Images) -> Result<Array2<f32>> {
    let all: Vec<usize> = (0..images.len()).collect();
    let x = preparation.samples_of(images, None)?.batch(&all, None);
    let width = preparation.input().iter().product();
    Ok(Array2::from_shape_vec((images.len(), width), x.data().to_vec()).expect("som: rows of one length"))
}

/// An experiment on its way.
struct MapTask {
    experiment: Experiment,
    data: ImageData,
    preparation: Preparation,
    /// The training, validation and test samples.
    rows: [Array2<f32>; 3],
    history: History,
    /// The trained map, and its frames.
    map: Option<(Map<f32>, Vec<Frame>)>,
}

/// The weights of the units after some epoch.
pub(super) type Frame = (usize, Array2<f32>);

impl Task for MapTask {
    fn data(&mut self) -> &mut ImageData {
        &mut self.data
    }

    fn train(&mut self, trainer: &mut Trainer<'_>) -> Result<()> {
        let (e, [train, val, _]) = (&self.experiment, &self.rows);
        let epochs = e.train.epochs;
        // Its radius shrinks to the end: no epoch but the last is meant to be kept.
        let training = Training { epochs, patience: usize::MAX, measures: &[] };
        let val = (val.nrows() > 0).then(|| val.view());
        let (history, map, frames) = e.som.train(train.view(), epochs, e.seed, |map| {
            let mut learner = MapLearner::new(map, e.som, epochs, train.view(), val);
            let history = trainer.train(MODEL, &training, &mut learner)?;
            let frames = frames(&learner.weights())?;
            Ok((history, map.map(), frames))
        })?;
        (self.history, self.map) = (history, Some((map, frames)));
        trainer.export(MODEL)?;
        let text = serde_json::to_vec_pretty(&self.preparation).expect("plain numbers and words");
        trainer.folder.write(PREPARATION, &text)
    }

    fn test(self: Box<Self>) -> Result<Box<dyn Found>> {
        Ok(Box::new(Mapped::new(*self)?))
    }
}

/// The map on one split.
pub struct OnSplit {
    /// `train`, `val` or `test`.
    pub name: &'static str,
    /// The best matching units.
    pub matches: Matches,
    /// Agreement of units and classes as partitions; none without classes.
    pub mutual_information: Option<f64>,
    /// The class of each sample by the classes of the units; none without classes.
    pub predicted: Option<Vec<usize>>,
    /// The same, counted by true class.
    pub confusion: Option<Confusion>,
}

impl OnSplit {
    fn figures(&self) -> Value {
        let mut value = json!({
            "quantization_error": self.matches.quantization_error(),
            "topographic_error": self.matches.topographic_error(),
        });
        if let (Some(confusion), Some(information)) = (&self.confusion, self.mutual_information) {
            value["accuracy"] = confusion.accuracy().into();
            value["macro_f1"] = confusion.macro_f1().into();
            value["mutual_information"] = information.into();
        }
        value
    }
}

/// Everything such a run found out.
pub struct Mapped {
    /// The experiment.
    pub experiment: Experiment,
    /// Its samples.
    pub data: ImageData,
    /// From samples as they were read to those that the map gets.
    pub preparation: Preparation,
    /// The training samples as the map gets them.
    pub train: Array2<f32>,
    /// The epochs.
    pub history: History,
    /// The trained map.
    pub map: Map<f32>,
    /// The units over time, the start first.
    pub frames: Vec<Frame>,
    /// The training, validation (if there is one) and test split.
    pub splits: Vec<OnSplit>,
    /// The classes of the units; none without classes.
    pub classes: Option<ClassMap>,
    /// The accuracy of each repeat of the cross-validation.
    pub cross_validation: Vec<f64>,
    /// How often the test set was evaluated on.
    pub test_set: ledger::Summary,
    /// Wall time of each stage.
    pub seconds: Vec<(String, f64)>,
}

impl Mapped {
    fn new(task: MapTask) -> Result<Self> {
        let MapTask { experiment, data, preparation, rows, history, map } = task;
        let (map, frames) = map.expect("som: a task is trained before it is tested");
        let on_train = map.matches(rows[0].view())?;
        let n = data.classes.len();
        let labelled = !data.train.labels().is_empty();
        let classes = labelled.then(|| ClassMap::new(&on_train, data.train.labels(), n)).transpose()?;
        let mut splits = Vec::new();
        for ((name, images), x) in data.splits().into_iter().zip(&rows).filter(|(_, x)| x.nrows() > 0) {
            splits.push(on_split(name, images.labels(), x.view(), &map, classes.as_ref(), n)?);
        }
        let cross_validation = cross_validate(&experiment, &data.train)?;
        let [train, ..] = rows;
        let (test_set, seconds) = (ledger::Summary::default(), Vec::new());
        Ok(Self {
            experiment,
            data,
            preparation,
            train,
            history,
            map,
            frames,
            splits,
            classes,
            cross_validation,
            test_set,
            seconds,
        })
    }

    /// The training split.
    pub fn on_train(&self) -> &OnSplit {
        self.splits.first().expect("the training set is not empty")
    }

    /// The test split.
    pub fn on_test(&self) -> &OnSplit {
        self.splits.last().expect("the test set is not empty")
    }

    /// Units that are no training sample's best matching unit.
    pub fn unused(&self) -> usize {
        self.on_train().matches.hits().iter().filter(|&&hits| hits == 0).count()
    }
}

fn on_split(
    name: &'static str,
    labels: &[usize],
    x: ArrayView2<'_, f32>,
    map: &Map<f32>,
    classes: Option<&ClassMap>,
    n: usize,
) -> Result<OnSplit> {
    let matches = map.matches(x)?;
    let predicted = classes.map(|classes| classes.predict(map, x)).transpose()?;
    let confusion = predicted.as_ref().map(|predicted| Confusion::new(labels, predicted, n)).transpose()?;
    let mutual_information = classes.map(|_| normalized_mutual_information(&matches.best, labels));
    Ok(OnSplit { name, matches, mutual_information, predicted, confusion })
}

/// The accuracy of each repeat: every sample is predicted once, by a map of the other folds and on their scale.
fn cross_validate(e: &Experiment, images: &Images) -> Result<Vec<f64>> {
    let (cross, labels) = (e.validation, images.labels());
    if cross.folds == 0 || labels.is_empty() {
        return Ok(Vec::new());
    }
    let accuracy = |repeat: usize| {
        let division = fold_of_each(labels, cross.folds, e.data.seed, repeat);
        let mut correct = 0;
        for fold in 0..cross.folds {
            let part = |held: bool| {
                let rows: Vec<usize> = (0..labels.len()).filter(|&i| (division[i] == fold) == held).collect();
                images.subset(&rows)
            };
            let (train, held) = (part(false), part(true));
            let preparation = Preparation::fit(&e.data, &train)?;
            let x = rows(&preparation, &train)?;
            let map = e.som.fit(x.view(), e.train.epochs, e.seed)?;
            let classes = ClassMap::new(&map.matches(x.view())?, train.labels(), images.classes.len())?;
            let predicted = classes.predict(&map, rows(&preparation, &held)?.view())?;
            correct += predicted.iter().zip(held.labels()).filter(|(a, b)| a == b).count();
        }
        Ok(correct as f64 / labels.len() as f64)
    };
    (0..cross.repeats).map(accuracy).collect()
}

impl Found for Mapped {
    fn metrics(&self) -> Result<Value> {
        let split = |name: &str| self.splits.iter().find(|s| s.name == name).map(OnSplit::figures);
        let cross = (!self.cross_validation.is_empty()).then(|| {
            let cross = self.experiment.validation;
            json!({
                "folds": cross.folds, "repeats": cross.repeats, "accuracy": mean(&self.cross_validation),
                "accuracies": self.cross_validation,
            })
        });
        let (units, d) = self.map.units.dim();
        let own = json!({
            "map": { "rows": self.map.lattice.rows, "columns": self.map.lattice.columns, "units": units, "unused_units": self.unused() },
            "train": split("train"),
            "val": split("val"),
            "test": split("test"),
            "cross_validation": cross,
        });
        let (experiment, data, history, seconds) = (&self.experiment, &self.data, &self.history, &self.seconds);
        let sizes = json!({ "parameters": units * d });
        let own_data = json!({ "missing": data.missing() });
        Ok(Common { experiment, data, history, seconds, sizes }.metrics(own, own_data))
    }

    fn write(&self, folder: &RunFolder) -> Result<()> {
        self.write(folder)
    }

    fn settle(&mut self, test_set: ledger::Summary) {
        self.test_set = test_set;
    }

    fn took(&mut self, seconds: &[(String, f64)]) {
        self.seconds = seconds.to_vec();
    }
}

/// The mean of some numbers.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
