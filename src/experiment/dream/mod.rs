//! Images that a network dreams: the input is optimized until the network predicts the target.
//!
//! * [`target`]: the target prediction; [`mod@optimize`]: the descent on the pixels;
//! * here: starts, restarts, and the choice among them; [`report`]: what is shown.
//!
//! Each target is dreamt twice from the same starts, regularized and not, so that one can see what the network's prediction
//! alone asks for. Whether a dream looks like a digit is judged by what the network did not learn from the dream: the
//! nearest training images, how far they are, and what they are images of.

pub mod findings;
pub mod optimize;
pub mod report;
pub mod target;

pub use optimize::{Distance, Dream, DreamSettings, Pixels, optimize};
pub use target::DreamTarget;

use super::data::Features;
use super::trained::TrainedRun;
use crate::data::{ImageData, Images, read_image};
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::run::Watch;
use crate::tensor::Tensor;
use crate::train::Loss;
use serde::Serialize;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Where the descent begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// Uniform noise around gray.
    Random,
    /// An image file.
    Image(PathBuf),
    /// A test image of this class, another one for each restart.
    Test(usize),
}

/// A job for [`dream`].
#[derive(Clone, Debug)]
pub struct DreamJob {
    /// The target prediction.
    pub targets: Vec<DreamTarget>,
    /// From where.
    pub start: Start,
    /// Noise added to a real start: deviation.
    pub noise: f64,
    /// Starts for each target, of which the best is kept.
    pub restarts: usize,
    /// How, with its regularization.
    pub settings: DreamSettings,
    /// Seed of starts and jitter.
    pub seed: u64,
}

/// What became of one target.
#[derive(Clone, Debug)]
pub struct DreamFound {
    /// The target prediction.
    pub target: DreamTarget,
    /// The best restart.
    pub best: Dream,
    /// The predictions of all restarts.
    pub reached: Vec<Vec<f32>>,
    /// The same without regularization: the best restart.
    pub unregularized: Dream,
    /// How the two look beside the training images: regularized, unregularized.
    pub likeness: [Likeness; 2],
}

/// An image beside the training images.
#[derive(Clone, Debug, Serialize)]
pub struct Likeness {
    /// Distance to the nearest one: 1 less the correlation of the pixels, so that neither brightness nor contrast counts.
    pub distance: f32,
    /// Its number in the training split.
    pub nearest: usize,
    /// Its class.
    pub nearest_class: usize,
    /// Of the ten nearest, how many are of the target's main class.
    pub of_target: usize,
    /// Whether it looks like an image of the target: at most twice as far from the training images as nearly all test
    /// images are, and most of its neighbours of the target's class.
    pub looks_like_it: bool,
}

/// Training images that a dream is compared with.
struct Gallery<'a> {
    train: &'a Images,
    /// Distance below which 98 of 100 test images find their nearest training image.
    usual: f32,
}

const NEIGHBORS: usize = 10;

/// Dreams all targets.
pub fn dream(trained: &TrainedRun, job: &DreamJob, watch: &mut dyn Watch) -> Result<(Vec<DreamFound>, ImageData)> {
    let e = &trained.experiment;
    if !matches!(e.train.loss, Loss::CrossEntropy | Loss::Nll)
        || e.data.features != Features::Pixels
        || trained.preparation.per_image
        || trained.preparation.is_table()
    {
        let what = "dreams want a network that is given pixels on a fixed scale and ends with softmax";
        return Err(Error::config(
            "dream",
            what,
            "train with cross_entropy, features = \"pixels\", normalize = \"standard\"",
        ));
    }
    let data = trained.data(watch)?;
    let gallery = Gallery::new(&data, e.data.seed);
    let mut found = Vec::new();
    for (i, target) in job.targets.iter().enumerate() {
        if watch.interrupted() {
            return Err(Error::Interrupted(format!("interrupted after {i} of {} targets", job.targets.len())));
        }
        let words = target.words(&trained.preparation.classes);
        watch.progress(i, job.targets.len(), &format!("dreaming {words}"));
        found.push(one(trained, job, target, i as u64, &data, &gallery)?);
    }
    Ok((found, data))
}

/// Dreams one target, with and without regularization, from the same starts.
fn one(
    t: &TrainedRun,
    job: &DreamJob,
    target: &DreamTarget,
    i: u64,
    data: &ImageData,
    gallery: &Gallery<'_>,
) -> Result<DreamFound> {
    let starts = starts(t, job, i, data)?;
    let normalization = t.preparation.normalization.as_ref();
    let run = |settings: &DreamSettings| optimize(&t.model, normalization, &starts, target, settings, job.seed);
    let plain = DreamSettings { tv: 0.0, l2: 0.0, blur: 0.0, jitter: 0, ..job.settings.clone() };
    let (with, without) = (run(&job.settings)?, run(&plain)?);
    let reached = with.iter().map(|dream| dream.reached.clone()).collect();
    let (best, unregularized) = (best(with, target), best(without, target));
    let likeness = [&best, &unregularized].map(|dream| gallery.likeness(dream.image(), target));
    Ok(DreamFound { target: target.clone(), best, reached, unregularized, likeness })
}

/// The restart whose prediction is nearest to the target.
fn best(dreams: Vec<Dream>, target: &DreamTarget) -> Dream {
    let by_distance = |a: &Dream, b: &Dream| target.distance(&a.reached).total_cmp(&target.distance(&b.reached));
    dreams.into_iter().min_by(by_distance).expect("there is a restart")
}

/// The images from which target `i` is dreamt, `[R, C, H, W]`.
fn starts(t: &TrainedRun, job: &DreamJob, i: u64, data: &ImageData) -> Result<Tensor> {
    let [channels, h, w] = t.preparation.image;
    let shape = [job.restarts, channels, h, w];
    let mut rng = Rng::new(job.seed, "dream.start", i);
    let real = match &job.start {
        Start::Random => return Ok(Tensor::rand(shape, 0.3, 0.7, &mut rng)),
        Start::Image(path) => {
            let image = read_image(path, channels, h)?;
            image.gather(&vec![0; job.restarts])
        }
        Start::Test(class) => {
            let of_class: Vec<usize> = (0..data.test.len()).filter(|&i| data.test.labels()[i] == *class).collect();
            if of_class.is_empty() {
                let what = format!("no test image is of class {}", data.classes[*class]);
                return Err(Error::config("--init", what, "choose another class"));
            }
            let chosen: Vec<usize> = (0..job.restarts).map(|_| of_class[rng.below(of_class.len())]).collect();
            data.test.pixels.gather(&chosen)
        }
    };
    let noise = job.noise as f32;
    let values = real.data().iter().map(|x| (x + noise * rng.normal() as f32).clamp(0.0, 1.0)).collect();
    Tensor::new(values, shape)
}

impl<'a> Gallery<'a> {
    fn new(data: &'a ImageData, seed: u64) -> Self {
        // A few hundred test images are enough to know what is usual.
        let test = data.test.sample(300, seed);
        let mut distances: Vec<f32> =
            test.pixels.data().chunks(size(&test)).map(|image| nearest(&data.train, image)[0].0).collect();
        distances.sort_by(f32::total_cmp);
        let usual = distances.get(distances.len() * 98 / 100).or(distances.last()).copied().unwrap_or(0.0);
        Self { train: &data.train, usual }
    }

    fn likeness(&self, image: &[f32], target: &DreamTarget) -> Likeness {
        let near = nearest(self.train, image);
        let (distance, first) = near[0];
        let in_target: Vec<usize> =
            (0..target.probabilities.len()).filter(|&c| target.probabilities[c] > 0.05).collect();
        let of_target = near.iter().filter(|(_, i)| in_target.contains(&self.train.labels()[*i])).count();
        Likeness {
            distance,
            nearest: first,
            nearest_class: self.train.labels()[first],
            of_target,
            looks_like_it: distance <= 2.0 * self.usual && 2 * of_target > near.len(),
        }
    }
}

fn size(images: &Images) -> usize {
    images.channels() * images.height() * images.width()
}

/// The nearest training images with their distances (1 less the correlation), the nearest first.
fn nearest(train: &Images, image: &[f32]) -> Vec<(f32, usize)> {
    let n = image.len() as f32;
    let mean = image.iter().sum::<f32>() / n;
    let centred: Vec<f32> = image.iter().map(|x| x - mean).collect();
    let length = centred.iter().map(|x| x * x).sum::<f32>().sqrt();
    let distance = |row: &[f32]| {
        let (mut dot, mut sum, mut squares) = (0.0f32, 0.0f32, 0.0f32);
        for (x, c) in row.iter().zip(&centred) {
            (dot, sum, squares) = (dot + x * c, sum + x, squares + x * x);
        }
        let spread = (squares - sum * sum / n).max(0.0).sqrt();
        1.0 - dot / (spread * length).max(f32::MIN_POSITIVE)
    };
    let by_distance = |a: &(f32, usize), b: &(f32, usize)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    let blocks = gradus_kernels::parallel::map(train.len().div_ceil(1024), |block| {
        let rows = train.pixels.data().chunks(image.len()).enumerate().skip(block * 1024).take(1024);
        let mut found: Vec<(f32, usize)> = rows.map(|(i, row)| (distance(row), i)).collect();
        found.sort_by(by_distance);
        found.truncate(NEIGHBORS);
        found
    });
    let mut all: Vec<(f32, usize)> = blocks.concat();
    all.sort_by(by_distance);
    all.truncate(NEIGHBORS);
    all
}

/// The results as JSON.
pub fn results(found: &[DreamFound], job: &DreamJob) -> Value {
    let init = match &job.start {
        Start::Random => "random".to_owned(),
        Start::Image(path) => path.display().to_string(),
        Start::Test(class) => format!("test:{class}"),
    };
    let one = |f: &DreamFound| {
        let main = f.target.main_class();
        let of_main: Vec<f32> = f.reached.iter().map(|p| p[main]).collect();
        let distances: Vec<f32> = f.reached.iter().map(|p| f.target.distance(p)).collect();
        json!({
            "target": f.target.probabilities,
            "reached": f.best.reached,
            "distance": f.target.distance(&f.best.reached),
            "loss": f.best.loss(),
            "steps": f.best.losses.len() - 1,
            "init": init,
            "restarts": job.restarts,
            "spread": { "of_main_class": of_main, "distance": distances },
            "nearest": f.likeness[0],
            "unregularized": {
                "reached": f.unregularized.reached,
                "loss": f.unregularized.loss(),
                "steps": f.unregularized.losses.len() - 1,
                "nearest": f.likeness[1],
            },
            "note": f.target.note,
        })
    };
    json!({ "results": found.iter().map(one).collect::<Vec<_>>() })
}
