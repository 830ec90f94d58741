//! The one file from which a run resumes.
//!
//! A run may hold several trainings one after the other. The checkpoint knows the finished ones (their weights and
//! history) and how far the present one has come. On disk it is a safetensors file (tensors named
//! `training/part/parameter`, everything else as JSON in its one metadata key), followed by the SHA-256 of it all.

use super::history::History;
use super::learner::{Progress, States};
use crate::error::{Error, Result};
use crate::files;
use crate::nn::state::State;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::Path;

/// A training that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// The weights of the best epoch.
    pub best: State<f32>,
    /// The weights of the last epoch.
    pub last: State<f32>,
    /// All epochs.
    pub history: History,
}

/// The finished trainings of a run by name, and the one that is going on.
///
/// ```
/// use gradus::prelude::*;
/// use gradus::train::{Checkpoint, Progress};
///
/// /// Stops after two steps and keeps the progress.
/// struct Stop(usize, Option<Progress>);
///
/// impl Observer for Stop {
///     fn step(&mut self, _: usize, _: usize, _: usize) {
///         self.0 += 1;
///     }
///     fn interrupted(&self) -> bool {
///         self.0 == 2
///     }
///     fn save(&mut self, _: bool, progress: &dyn Fn() -> Progress) -> Result<()> {
///         self.1 = Some(progress());
///         Ok(())
///     }
/// }
///
/// let samples = Matrix::new(Tensor::from_fn([6, 1], |i| i as f32), vec![0, 0, 0, 1, 1, 1])?;
/// let new = || Linear::new(1, 2, Init::PyTorch, &mut Rng::new(1, "init", 0));
/// let run = |model: &Linear, from, observer: &mut dyn Observer| {
///     Fit::new(3, 3, 2, 1).run(model, &mut FirstOrder::new(Adam::new(0.1)), &samples, &samples, from, observer)
/// };
/// let mut stop = Stop(0, None);
/// assert!(matches!(run(&new(), None, &mut stop), Err(Error::Interrupted(_))));
/// let checkpoint = Checkpoint { current: stop.1.map(|progress| ("net".into(), progress)), ..Checkpoint::default() };
///
/// let file = std::env::temp_dir().join(format!("gradus-checkpoint-{}.state", std::process::id()));
/// checkpoint.save(&file)?;
/// let from = Checkpoint::load(&file)?.current.map(|(_, progress)| progress);
/// # std::fs::remove_file(&file).unwrap();
/// let (resumed, whole) = (new(), new());
/// run(&resumed, from, &mut Silent)?;
/// run(&whole, None, &mut Silent)?;
/// assert_eq!(state_dict(&resumed), state_dict(&whole)); // the same bits as one that never stopped
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// Trainings that are over.
    pub finished: BTreeMap<String, Finished>,
    /// The name and progress of the present one.
    pub current: Option<(String, Progress)>,
    /// The settings that the run was begun with, by dotted key: it must not be resumed with others.
    pub settings: BTreeMap<String, String>,
    /// Wall time of each epoch of each training, in seconds; of one that was stopped within an epoch, that epoch's so far too.
    pub seconds: BTreeMap<String, Vec<f64>>,
}

/// The part of a checkpoint that is not tensors.
#[derive(Serialize, Deserialize)]
struct Meta {
    version: u32,
    finished: BTreeMap<String, History>,
    current: Option<CurrentMeta>,
    settings: BTreeMap<String, String>,
    /// Missing in older files.
    #[serde(default)]
    seconds: BTreeMap<String, Vec<f64>>,
}

#[derive(Serialize, Deserialize)]
struct CurrentMeta {
    name: String,
    numbers: BTreeMap<String, f64>,
    history: History,
}

const VERSION: u32 = 4;
/// Before the name of a part of a learner's state.
const STATE: &str = "state.";
const META_KEY: &str = "gradus";

impl Checkpoint {
    /// The bytes of the file.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let meta = Meta {
            version: VERSION,
            finished: self.finished.iter().map(|(name, f)| (name.clone(), f.history.clone())).collect(),
            current: self.current.as_ref().map(|(name, p)| CurrentMeta {
                name: name.clone(),
                numbers: p.states.numbers.clone(),
                history: p.history.clone(),
            }),
            settings: self.settings.clone(),
            seconds: self.seconds.clone(),
        };
        let mut parts: Vec<(String, &State<f32>)> = Vec::new();
        for (name, f) in &self.finished {
            parts.push((format!("{name}/best"), &f.best));
            parts.push((format!("{name}/last"), &f.last));
        }
        if let Some((name, p)) = &self.current {
            parts.extend(p.states.tensors.iter().map(|(part, state)| (format!("{name}/{STATE}{part}"), state)));
            parts.push((format!("{name}/best"), &p.best));
        }
        let mut tensors = Vec::new();
        for (part, state) in &parts {
            for (key, tensor) in state.iter() {
                let bytes: Vec<u8> = tensor.data().iter().flat_map(|x| x.to_le_bytes()).collect();
                tensors.push((format!("{part}/{key}"), tensor.shape().to_vec(), bytes));
            }
        }
        let mut views = Vec::new();
        for (name, shape, bytes) in &tensors {
            let view = TensorView::new(Dtype::F32, shape.clone(), bytes).map_err(|e| broken(&e))?;
            views.push((name.as_str(), view));
        }
        let json = serde_json::to_string(&meta).map_err(|e| broken(&e))?;
        let metadata = Some([(META_KEY.to_owned(), json)].into_iter().collect());
        let mut bytes = safetensors::serialize(views, metadata).map_err(|e| broken(&e))?;
        let checksum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&checksum);
        Ok(bytes)
    }

    /// The checkpoint in the bytes of a file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (body, checksum) = bytes.split_last_chunk::<32>().ok_or_else(|| broken(&"it is too short"))?;
        if Sha256::digest(body)[..] != checksum[..] {
            return Err(broken(&"its checksum does not match: it was damaged or is no checkpoint"));
        }
        let (_, header) = SafeTensors::read_metadata(body).map_err(|e| broken(&e))?;
        let json = header.metadata().as_ref().and_then(|m| m.get(META_KEY)).ok_or_else(|| broken(&"no metadata"))?;
        let meta: Meta = serde_json::from_str(json).map_err(|e| broken(&e))?;
        if meta.version != VERSION {
            let version = meta.version;
            return Err(broken(&format!("its version is {version}, this program writes {VERSION}")));
        }
        let mut all: State<f32> = crate::nn::state::from_safetensors(body)?;
        fn take(all: &mut State<f32>, part: String) -> State<f32> {
            let prefix = format!("{part}/");
            let keys: Vec<String> = all.keys().filter(|k| k.starts_with(&prefix)).cloned().collect();
            let named = |k: String| (k[prefix.len()..].to_owned(), all.remove(&k).expect("the key was listed"));
            keys.into_iter().map(named).collect()
        }
        let finished = meta
            .finished
            .into_iter()
            .map(|(name, history)| {
                let (best, last) = (take(&mut all, format!("{name}/best")), take(&mut all, format!("{name}/last")));
                (name, Finished { best, last, history })
            })
            .collect();
        let current = meta.current.map(|c| {
            let best = take(&mut all, format!("{}/best", c.name));
            // What is left belongs to the learner: `name/state.part/path`.
            let mut states = States { numbers: c.numbers, ..States::default() };
            for (key, tensor) in std::mem::take(&mut all) {
                let part = key.strip_prefix(&format!("{}/{STATE}", c.name)).and_then(|rest| rest.split_once('/'));
                if let Some((part, path)) = part {
                    states.tensors.entry(part.to_owned()).or_default().insert(path.to_owned(), tensor);
                }
            }
            (c.name, Progress { states, best, history: c.history })
        });
        Ok(Self { finished, current, settings: meta.settings, seconds: meta.seconds })
    }

    /// Writes the file, atomically.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        files::write_atomic(path, &self.to_bytes()?)
    }

    /// Reads the file. Data at fault if it is damaged.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let help = "put back a copy that is whole, or begin a new run: gradus train RUN/config.toml";
        Self::from_bytes(&files::read(path)?).map_err(|e| Error::data(path, e.to_string(), help))
    }
}

fn broken(why: &dyn std::fmt::Display) -> Error {
    Error::State(format!("this checkpoint cannot be used: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::tensor::Tensor;

    fn example() -> Checkpoint {
        let mut rng = Rng::new(1, "test", 0);
        let mut state = |names: &[&str]| -> State<f32> {
            names.iter().map(|n| (n.to_string(), Tensor::randn([2, 3], &mut rng))).collect()
        };
        let tensors = [
            ("model".to_owned(), state(&["a.weight"])),
            ("optimizer".to_owned(), state(&["a.weight/exp_avg", "a.weight/exp_avg_sq"])),
        ];
        let numbers = [("seen".to_owned(), 32.0), ("loss".to_owned(), 0.1 + 0.2)];
        let progress = Progress {
            states: States { tensors: tensors.into(), numbers: numbers.into() },
            best: state(&["a.weight"]),
            history: History::default(),
        };
        let finished = Finished { best: state(&["b"]), last: state(&["b"]), history: History::default() };
        let settings = [("train.optimizer.lr".to_owned(), "0.1".to_owned())].into();
        Checkpoint {
            finished: [("mlp".to_owned(), finished)].into(),
            current: Some(("cnn".into(), progress)),
            settings,
            seconds: [("cnn".to_owned(), vec![0.25, 0.125])].into(),
        }
    }

    #[test]
    fn a_checkpoint_comes_back_bit_for_bit() {
        let checkpoint = example();
        let bytes = checkpoint.to_bytes().unwrap();
        assert_eq!(bytes, checkpoint.to_bytes().unwrap());
        assert_eq!(Checkpoint::from_bytes(&bytes).unwrap(), checkpoint);
    }

    #[test]
    fn a_damaged_file_is_refused() {
        let mut bytes = example().to_bytes().unwrap();
        for cut in [0, 10, 31, bytes.len() / 2, bytes.len() - 1] {
            assert!(Checkpoint::from_bytes(&bytes[..cut]).is_err());
        }
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        assert!(Checkpoint::from_bytes(&bytes).unwrap_err().to_string().contains("checksum"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.state");
        std::fs::write(&path, &bytes).unwrap();
        let error = Checkpoint::load(&path).unwrap_err();
        assert!(error.exit_code() == 3 && error.to_string().contains("last.state"), "{error}");
    }
}
