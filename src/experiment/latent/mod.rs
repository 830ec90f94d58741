//! A look into the codes of trained autoencoders: `gradus latent`.
//!
//! An autoencoder is cut after its code, the narrowest layer ([`code`]): what comes before encodes, what comes after
//! decodes. The mathematics of codes stands in [`analysis::latent`](crate::analysis::latent); here images are encoded,
//! codes are chosen, and decoded again. [`report`] shows what was found, and several runs point by point.
//!
//! How good generated images are is fault_of by numbers that need no human: what a classifier that has never seen them says
//! for them ([`ClassProbabilities`]), how varied they are, and how near the nearest training image lies.

pub mod findings;
pub mod report;

use super::kind::Learns;
use super::kinds::reconstruct::{code, errors};
use super::map::{Map, Method, neighbours_agree};
use super::trained::TrainedRun;
use crate::analysis::latent::{Bounds, Extremes, Gaussian, analogy, diversity, interpolate, plane, traverse};
use crate::analysis::latent::{normal_quantiles, unit_variances};
use crate::analysis::metrics::{ClassProbabilities, silhouette};
use crate::analysis::neighbors::nearest_rows;
use crate::analysis::pca::Pca;
use crate::autograd::Var;
use crate::data::{ImageData, Images, split};
use crate::error::{Error, Result};
use crate::nn::summary::summarize;
use crate::nn::{Ctx, Module};
use crate::run::Watch;
use crate::target::Target;
use crate::tensor::Tensor;
use crate::train::{check_finite, classify};
use ndarray::{Array2, ArrayView2, Axis};
use serde::Serialize;

/// Samples per pass.
const BATCH: usize = 256;
/// Images on a side of the manifold's grid.
const SIDE: usize = 12;
/// Steps of an interpolation, and of a traversal.
const STEPS: usize = 10;
/// Dimensions that are traversed at most: those that vary most.
const TRAVERSED: usize = 16;
/// Generated images that are shown of each source, and that its numbers are computed of.
const SHOWN: usize = 40;
const COUNTED: usize = 1000;
/// Of each dimension's values the box holds this fraction.
const BOX: f64 = 0.95;

/// What to look at.
#[derive(Clone, Copy, Debug)]
pub struct LatentJob {
    /// Dimensions of the maps: 2 or 3.
    pub dims: usize,
    /// Most test samples in the maps.
    pub samples: usize,
    /// Of everything random.
    pub seed: u64,
}

/// A trained autoencoder, cut after its code.
pub struct Coder<'a> {
    trained: &'a TrainedRun,
    layer: String,
    /// Numbers in a code.
    pub dimensions: usize,
    /// Whether the code is a distribution.
    pub is_variational: bool,
}

impl<'a> Coder<'a> {
    /// Finds the code. Fails for runs that reconstruct nothing.
    pub fn new(trained: &'a TrainedRun) -> Result<Self> {
        let name = &trained.experiment.name;
        if trained.experiment.kind.learns != Learns::Inputs {
            let what = format!("{name} is a classifier, and reconstructs no image");
            return Err(Error::config("latent", what, "give a run of an autoencoder, such as cae-fashion"));
        }
        if trained.preparation.normalization.is_some() || trained.preparation.per_image {
            let what = format!("{name} was given pixels on another scale, and its images are not in [0, 1]");
            return Err(Error::config("latent", what, "train with data.normalize = \"none\""));
        }
        let summary = summarize(&trained.model, &trained.preparation.input())?;
        let (layer, dimensions) = code(&summary.rows).expect("a network has layers");
        let is_variational = summary.rows.iter().any(|row| row.path == format!("{layer}.log_var"));
        Ok(Self { trained, layer: layer.to_owned(), dimensions, is_variational })
    }

    /// The codes of images `[N, C, H, W]` with values in [0, 1], one a row; of a distribution its mean.
    pub fn encode(&self, pixels: &Tensor) -> Result<Array2<f32>> {
        let [encoder, _] = self.parts();
        let codes = self.through(&encoder, pixels)?;
        Ok(Array2::from_shape_vec((pixels.shape()[0], self.dimensions), codes).expect("a code for each image"))
    }

    /// The images that codes stand for, `[N, C, H, W]`.
    pub fn decode(&self, codes: ArrayView2<'_, f32>) -> Result<Tensor> {
        let [_, decoder] = self.parts();
        let z = Tensor::new(codes.iter().copied().collect(), [codes.nrows(), self.dimensions])?;
        let pixels = self.through(&decoder, &z)?;
        let [c, h, w] = self.trained.preparation.image;
        Tensor::new(pixels, [codes.nrows(), c, h, w])
    }

    fn parts(&self) -> [crate::nn::Part<'_>; 2] {
        self.trained.model.split_after(&self.layer).expect("the layer is one of the model's")
    }

    fn through(&self, part: &dyn Module, x: &Tensor) -> Result<Vec<f32>> {
        let n = x.shape()[0];
        let mut values = Vec::new();
        for start in (0..n).step_by(BATCH) {
            let some: Vec<usize> = (start..(start + BATCH).min(n)).collect();
            let x = x.gather(&some);
            let y = part.forward(&Var::constant(x.clone()), &mut Ctx::eval())?;
            check_finite(part, &x, y.value())?;
            values.extend_from_slice(y.value().data());
        }
        Ok(values)
    }
}

/// How good images are that a decoder made of codes nobody encoded.
#[derive(Clone, Debug, Serialize)]
pub struct Generated {
    /// Where the codes come from.
    pub source: &'static str,
    /// Mean probability of a classifier's predictions.
    pub confidence: Option<f64>,
    /// Mean entropy of a prediction in nats: 0 is sure.
    pub entropy: Option<f64>,
    /// The effective number of classes that are plainly shown (Salimans et al. 2016).
    pub inception_score: Option<f64>,
    /// Mean distance of two of them, over that of two test images.
    pub diversity: f64,
    /// Root mean squared difference of a number to the nearest training image, in the mean.
    pub nearest: f64,
    /// Some of them.
    #[serde(skip)]
    pub images: Tensor,
}

/// Everything that was found about one run.
pub struct Findings {
    /// The run's name.
    pub name: String,
    /// The layer that gives the code, and how many numbers it has.
    pub layer: (String, usize),
    /// Whether the code is a distribution.
    pub is_variational: bool,
    /// Mean squared error of a number on the test split, and each sample's.
    pub mse: f64,
    /// Mean squared error of each test sample.
    pub errors: Vec<f64>,
    /// Test samples that come out best, typically, worst.
    pub extremes: Extremes,
    /// The test split's reconstructions.
    pub outputs: Tensor,
    /// Variance of each dimension over the test codes.
    pub variances: Vec<f64>,
    /// Fraction of test codes whose five nearest neighbours among them name their class.
    pub knn_accuracy: f64,
    /// How well classes are separated in the space of codes: -1 to 1.
    pub silhouette: f64,
    /// Classes of the samples in the maps.
    pub labels: Vec<usize>,
    /// PCA and t-SNE.
    pub maps: Vec<Map>,
    /// A grid of decoded codes, `SIDE` x `SIDE`, and what its axes are.
    pub manifold: (Tensor, String),
    /// From one test image to another, a row each.
    pub interpolations: Vec<Tensor>,
    /// Each traversed dimension's number and its images.
    pub traversals: Vec<(usize, Tensor)>,
    /// Generated images, one entry for each source of codes.
    pub generated: Vec<Generated>,
    /// What a classifier says of the test images, and of their reconstructions: fraction of correct predictions.
    pub recognized: Option<[f64; 2]>,
    /// Names of the classes in a - b + c, and four images: the mean codes of a, b, c, and what they add up to.
    pub analogies: Vec<([String; 3], Tensor)>,
}

/// Looks into the codes of a run. `classifier` is a classifier's run on the same data.
pub fn explore(
    trained: &TrainedRun,
    classifier: Option<&TrainedRun>,
    data: &ImageData,
    job: &LatentJob,
    watch: &mut dyn Watch,
) -> Result<Findings> {
    let coder = Coder::new(trained)?;
    let stage = |watch: &mut dyn Watch, done: usize, what: &str| -> Result<()> {
        if watch.interrupted() {
            return Err(Error::Interrupted(format!("interrupted before {what}")));
        }
        watch.progress(done, 6, what);
        Ok(())
    };
    stage(watch, 0, "encoding")?;
    let test = &data.test;
    let codes = coder.encode(&test.pixels)?;
    let outputs = coder.decode(codes.view())?;
    let samples = trained.preparation.samples_of(test, None)?;
    let errors = errors(samples.as_ref(), &outputs);
    let data_seed = trained.experiment.data.seed;
    let train_codes = coder.encode(&data.train.sample(10_000, data_seed).pixels)?;

    stage(watch, 1, "maps")?;
    let chosen = split::subset(test.labels(), job.samples, data_seed);
    let some = test.subset(&chosen);
    let few = codes.select(Axis(0), &chosen);
    let map = |method| Map::of(few.view(), some.labels(), method, job.dims, job.seed);
    let maps = vec![map(Method::Pca)?, map(Method::Tsne)?];

    stage(watch, 2, "walks")?;
    let variances = unit_variances(codes.view())?;
    let mean = codes.mean_axis(Axis(0)).expect("there are codes");
    let walk = Walk { coder: &coder, codes: &codes, train: &train_codes, variances: &variances };
    let manifold = walk.manifold(&mean.view().to_owned().into_raw_vec_and_offset().0)?;
    let interpolations = walk.interpolations(test)?;
    let traversals = walk.traversals(Extremes::of(&errors, 1).typical[0])?;
    let analogies = walk.analogies(test)?;

    stage(watch, 3, "generating")?;
    let gallery = Gallery::new(data, data_seed);
    let d = coder.dimensions;
    let sources = [
        ("Gaussian fitted to the codes", Gaussian::fit(train_codes.view())?.sample::<f32>(COUNTED, job.seed)),
        ("box around the codes", Bounds::of_fraction(train_codes.view(), BOX)?.sample(COUNTED, job.seed)),
        ("prior N(0, 1)", Gaussian::standard(d).sample(COUNTED, job.seed)),
    ];
    let mut generated = Vec::new();
    for (i, (source, drawn)) in sources.into_iter().enumerate() {
        stage(watch, 3 + i, source)?;
        generated.push(gallery.judge(source, &coder.decode(drawn.view())?, classifier)?);
    }
    let recognized = match classifier {
        Some(c) => Some(
            [probabilities_of(c, &test.pixels)?, probabilities_of(c, &outputs)?]
                .map(|a| a.accuracy(test.labels()).unwrap_or(0.0)),
        ),
        None => None,
    };
    Ok(Findings {
        name: trained.experiment.name.clone(),
        layer: (coder.layer.clone(), d),
        is_variational: coder.is_variational,
        mse: errors.iter().sum::<f64>() / errors.len() as f64,
        extremes: Extremes::of(&errors, 8),
        errors,
        outputs,
        variances,
        knn_accuracy: neighbours_agree(few.view(), some.labels())?,
        silhouette: silhouette(few.view(), some.labels())?,
        labels: some.labels().to_vec(),
        maps,
        manifold,
        interpolations,
        traversals,
        generated,
        recognized,
        analogies,
    })
}

/// What a classifier says of images.
fn probabilities_of(classifier: &TrainedRun, pixels: &Tensor) -> Result<ClassProbabilities> {
    let samples = classifier.preparation.samples(pixels, Target::None, None)?;
    let model = classifier.experiment.views.of(&classifier.model);
    let found = classify(&model, samples.as_ref(), &classifier.objective()?)?;
    ClassProbabilities::of(super::kinds::classify::probabilities(&found.probabilities))
}

/// Walks through the codes.
struct Walk<'a> {
    coder: &'a Coder<'a>,
    /// Of the test images.
    codes: &'a Array2<f32>,
    /// Of training images: where codes lie.
    train: &'a Array2<f32>,
    variances: &'a [f64],
}

impl Walk<'_> {
    /// A grid of decoded codes: through the two numbers of a code of two; else through the mean along the two directions
    /// in which codes vary most. A variational code is walked in equal fractions of its prior.
    fn manifold(&self, mean: &[f32]) -> Result<(Tensor, String)> {
        let d = self.coder.dimensions;
        let quantiles = normal_quantiles(SIDE);
        if d == 2 {
            let bounds = Bounds::of_fraction(self.train.view(), BOX)?;
            let axis = |i: usize| if self.coder.is_variational { Ok(quantiles.clone()) } else { bounds.axis(i, SIDE) };
            let codes = plane(ndarray::ArrayView1::from(mean), [0, 1], &axis(0)?, &axis(1)?)?;
            let words =
                if self.coder.is_variational { "equal fractions of the prior" } else { "the range of the codes" };
            return Ok((self.coder.decode(codes.view())?, format!("both numbers of the code, over {words}")));
        }
        let pca = Pca::fit(self.train.view(), 2)?;
        let along: Vec<Vec<f64>> =
            pca.explained_variance.iter().map(|v| quantiles.iter().map(|q| q * v.sqrt()).collect()).collect();
        let origin = Array2::zeros((1, 2));
        let flat = plane(origin.row(0), [0, 1], &along[0], &along[1])?;
        let codes = pca.inverse_transform(flat.view())?;
        let words = "the two directions in which the codes vary most, in equal fractions of a normal distribution";
        Ok((self.coder.decode(codes.view())?, words.to_owned()))
    }

    /// Between test images of neighbouring classes.
    fn interpolations(&self, test: &Images) -> Result<Vec<Tensor>> {
        let of = |class: usize| test.labels().iter().position(|&label| label == class);
        let pairs = (0..test.classes.len()).filter_map(|c| Some((of(c)?, of((c + 1) % test.classes.len())?)));
        let ways = pairs.step_by(2).take(5).map(|(a, b)| {
            let codes = interpolate(self.codes.row(a), self.codes.row(b), STEPS)?;
            self.coder.decode(codes.view())
        });
        ways.collect()
    }

    /// Each dimension, from two deviations below the mean to two above, in the code of one test image.
    fn traversals(&self, sample: usize) -> Result<Vec<(usize, Tensor)>> {
        let mut order: Vec<usize> = (0..self.variances.len()).collect();
        order.sort_by(|&a, &b| self.variances[b].total_cmp(&self.variances[a]).then(a.cmp(&b)));
        let mean = self.codes.mean_axis(Axis(0)).expect("there are codes");
        let walk = |j: usize| {
            let deviation = self.variances[j].sqrt();
            let at = |i: usize| f64::from(mean[j]) + deviation * (4.0 * i as f64 / (STEPS - 1) as f64 - 2.0);
            let values: Vec<f64> = (0..STEPS).map(at).collect();
            Ok((j, self.coder.decode(traverse(self.codes.row(sample), j, &values)?.view())?))
        };
        order.into_iter().take(TRAVERSED).map(walk).collect()
    }

    /// Mean codes of three classes in a row: a - b + c.
    fn analogies(&self, test: &Images) -> Result<Vec<([String; 3], Tensor)>> {
        let k = test.classes.len();
        if k < 3 {
            return Ok(Vec::new());
        }
        let mean = |class: usize| {
            let of: Vec<usize> = (0..test.len()).filter(|&i| test.labels()[i] == class).collect();
            self.codes.select(Axis(0), &of).mean_axis(Axis(0))
        };
        let mut found = Vec::new();
        for a in 0..k.min(4) {
            let classes = [a, (a + 2) % k, (a + 5) % k];
            let [Some(x), Some(y), Some(z)] = classes.map(mean) else { continue };
            let sum = analogy(x.view(), y.view(), z.view())?;
            let rows =
                ndarray::stack(Axis(0), &[x.view(), y.view(), z.view(), sum.view()]).expect("codes of one length");
            found.push((classes.map(|c| test.classes[c].clone()), self.coder.decode(rows.view())?));
        }
        Ok(found)
    }
}

/// True images that generated ones are held against.
struct Gallery {
    train: Array2<f32>,
    test: Array2<f32>,
}

impl Gallery {
    fn new(data: &ImageData, seed: u64) -> Self {
        let rows = |images: Images| {
            let (n, size) = (images.len(), images.channels() * images.height() * images.width());
            Array2::from_shape_vec((n, size), images.pixels.data().to_vec()).expect("images of one size")
        };
        Self { train: rows(data.train.clone()), test: rows(data.test.sample(COUNTED, seed)) }
    }

    fn judge(&self, source: &'static str, images: &Tensor, classifier: Option<&TrainedRun>) -> Result<Generated> {
        let n = images.shape()[0];
        let rows = ArrayView2::from_shape((n, self.train.ncols()), images.data()).expect("images of one size");
        let near = nearest_rows(rows, self.train.view(), 1)?;
        let rms = |squared: &f32| (f64::from(*squared) / self.train.ncols() as f64).sqrt();
        let said = classifier.map(|c| probabilities_of(c, images)).transpose()?;
        Ok(Generated {
            source,
            confidence: said.as_ref().map(ClassProbabilities::mean_confidence),
            entropy: said.as_ref().map(ClassProbabilities::mean_entropy),
            inception_score: said.as_ref().map(ClassProbabilities::inception_score),
            diversity: diversity(rows, self.test.view())?,
            nearest: near.squared.iter().map(rms).sum::<f64>() / n as f64,
            images: images.gather(&(0..n.min(SHOWN)).collect::<Vec<_>>()),
        })
    }
}
