//! State dicts: strict and atomic loading, safetensors files, tied parameters.

use crate::common::{Portable, hash_of_weights};
use gradus::autograd::{Param, Tape, Var};
use gradus::models::cnn::Cnn;
use gradus::models::mlp::mlp;
use gradus::nn::state::{self, State, from_safetensors, load_state_dict, state_dict, to_safetensors};
use gradus::nn::{
    Activation, BatchNorm1d, Buffer, Ctx, Init, Kind, Linear, Module, Sequential, Walk, buffers, count_parameters,
    parameters,
};
use gradus::optim::{Adam, FirstOrder, Optimizer};
use gradus::rng::Rng;
use gradus::tensor::Tensor;
use gradus::{Error, Real, Result};

const FROM_PYTHON: &[u8] = include_bytes!("../golden/weights.safetensors");
const NORMED: &[u8] = include_bytes!("../golden/batch_norm.safetensors");

fn network<T: Real>(seed: u64) -> Sequential<T> {
    mlp(4, &[3], 2, Activation::Relu, &mut Rng::new(seed, "init", 0))
}

/// Two parameters, one of them under a second name too.
struct Tied(Param<f64>, Param<f64>);

impl Module<f64> for Tied {
    fn forward(&self, x: &Var<f64>, _: &mut Ctx<'_, f64>) -> Result<Var<f64>> {
        Ok(x.clone())
    }
    fn walk(&self, walk: &mut Walk<'_, f64>) {
        walk.param("encoder", &self.0);
        walk.param("bias", &self.1);
        walk.param("decoder", &self.0);
    }
    fn kind(&self) -> Kind {
        Kind::layer("tied")
    }
}

fn tied(value: f64) -> Tied {
    Tied(Param::new(Tensor::full([2, 2], value)), Param::new(Tensor::full([2], value)))
}

#[test]
fn names_are_the_fields_paths() {
    let cnn = Cnn { input: [1, 8, 8], widths: vec![2, 3], hidden: 4, classes: 3 };
    let model: Sequential = cnn.build(&mut Rng::new(0, "init", 0)).unwrap();
    let names: Vec<String> = parameters(&model).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "block1.conv.weight",
            "block1.conv.bias",
            "block2.conv.weight",
            "block2.conv.bias",
            "fc1.weight",
            "fc1.bias",
            "out.weight",
            "out.bias"
        ]
    );
}

#[test]
fn all_faults_come_in_one_message_and_nothing_is_written() {
    let (source, model) = (network::<f32>(1), network::<f32>(2));
    let before = hash_of_weights(&model);
    let mut dict = state_dict(&source);
    dict.remove("fc1.bias");
    dict.insert("fc1.weight".into(), Tensor::zeros([4, 3]));
    dict.insert("fc9.weight".into(), Tensor::zeros([1]));
    let error = load_state_dict(&model, &dict).unwrap_err();
    assert!(matches!(error, Error::State(_)));
    assert_eq!(
        error.to_string(),
        "the weights do not fit the model (nothing was loaded):\n  \
         fc1.weight: the model has [3, 4], the file [4, 3]\n  \
         fc1.bias: missing\n  \
         fc9.weight: unexpected"
    );
    assert_eq!(hash_of_weights(&model), before);
}

#[test]
fn loading_what_was_saved_gives_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let (source, model) = (network::<f32>(1), network::<f32>(2));
    state::save(&source, &path).unwrap();
    state::load(&model, &path).unwrap();
    assert_eq!(hash_of_weights(&model), hash_of_weights(&source));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays behind");
}

#[test]
fn f64_files_keep_all_digits() {
    let mut dict = State::<f64>::new();
    let odd = [1.0 / 3.0, f64::MIN_POSITIVE / 8.0, -0.0, f64::NAN, f64::NEG_INFINITY, 1e308];
    dict.insert("x".into(), Tensor::new(odd.to_vec(), [2, 3]).unwrap());
    dict.insert("empty".into(), Tensor::zeros([0, 3]));
    dict.insert("scalar".into(), Tensor::scalar(0.1));
    let back = from_safetensors::<f64>(&to_safetensors(&dict).unwrap()).unwrap();
    let bits = |t: &Tensor<f64>| t.data().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(back.len(), 3);
    for (name, tensor) in &dict {
        assert_eq!((back[name].shape(), bits(&back[name])), (tensor.shape(), bits(tensor)), "{name}");
    }
}

#[test]
fn either_precision_reads_the_others_files() {
    let wide = network::<f64>(3);
    let narrow = network::<f32>(4);
    load_state_dict(&narrow, &from_safetensors(&to_safetensors(&state_dict(&wide)).unwrap()).unwrap()).unwrap();
    for ((_, wide), (_, narrow)) in parameters(&wide).iter().zip(parameters(&narrow)) {
        assert_eq!(wide.get().cast::<f32>(), narrow.get());
    }
}

#[test]
fn the_same_state_makes_the_same_bytes() {
    assert_eq!(
        to_safetensors(&state_dict(&network::<f32>(1))).unwrap(),
        to_safetensors(&state_dict(&network::<f32>(1))).unwrap()
    );
}

#[test]
fn pytorchs_weights_load_and_compute_the_same() {
    let model = network::<f32>(7);
    load_state_dict(&model, &from_safetensors(FROM_PYTHON).unwrap()).unwrap();
    for (i, (name, param)) in parameters(&model).into_iter().enumerate() {
        let expected = Portable::new(i as u64).draw("signed", param.get().shape());
        assert_eq!(param.get().cast::<f64>(), expected, "{name}");
    }
    // All numbers are multiples of small powers of two: the answer is exact in any order of summation.
    let x = Tensor::new(vec![1.0, 2.0, 3.0, 4.0], [1, 4]).unwrap();
    let y = model.forward(&Var::constant(x), &mut Ctx::eval()).unwrap();
    // -1.548828125 and -0.701171875.
    assert_eq!(y.value().data(), [-1586.0 / 1024.0, -718.0 / 1024.0]);
}

#[test]
fn what_gradus_writes_is_byte_for_byte_what_the_python_package_writes() {
    assert_eq!(to_safetensors(&from_safetensors::<f32>(FROM_PYTHON).unwrap()).unwrap(), FROM_PYTHON);
}

#[test]
fn tied_parameters_are_saved_once_and_load_under_either_name() {
    let dict = state_dict(&tied(1.0));
    assert_eq!(dict.keys().collect::<Vec<_>>(), ["bias", "encoder"]);
    assert_eq!(count_parameters(&tied(1.0)), 6);
    let (first, second) = (tied(2.0), tied(3.0));
    load_state_dict(&first, &dict).unwrap();
    assert_eq!(first.0.get(), dict["encoder"]);

    let mut renamed = dict.clone();
    let weight = renamed.remove("encoder").unwrap();
    renamed.insert("decoder".into(), weight);
    load_state_dict(&second, &renamed).unwrap();
    assert_eq!(second.0.get(), dict["encoder"]);

    renamed.remove("decoder");
    assert!(load_state_dict(&second, &renamed).unwrap_err().to_string().contains("encoder: missing"));
}

#[test]
fn a_tied_parameter_under_both_names_must_agree() {
    let (model, mut dict) = (tied(1.0), state_dict(&tied(2.0)));
    dict.insert("decoder".into(), dict["encoder"].clone());
    load_state_dict(&model, &dict).unwrap();
    dict.insert("decoder".into(), Tensor::full([2, 2], 9.0));
    let message = load_state_dict(&model, &dict).unwrap_err().to_string();
    assert!(message.contains("decoder") && message.contains("encoder"), "{message}");
    assert_eq!(model.0.get().at(&[0, 0]), 2.0, "nothing was written");
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    for length in 0..FROM_PYTHON.len() {
        let error = from_safetensors::<f32>(&FROM_PYTHON[..length]).unwrap_err();
        assert!(matches!(error, Error::State(_)) && error.to_string().contains("safetensors"), "{length}: {error}");
    }
}

#[test]
fn a_damaged_header_is_an_error_and_no_panic() {
    let mut rng = Rng::new(1, "damage", 0);
    for _ in 0..2000 {
        let mut bytes = FROM_PYTHON.to_vec();
        let at = rng.below(300);
        bytes[at] = rng.bits() as u8;
        if let Ok(state) = from_safetensors::<f32>(&bytes) {
            let _ = load_state_dict(&network::<f32>(1), &state);
        }
    }
}

#[test]
fn tensors_that_gradus_has_no_place_for_are_refused_by_name() {
    let file = |dtype: &str, shape: &str, bytes: usize| {
        let header = format!(r#"{{"x":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{bytes}]}}}}"#);
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        file.resize(file.len() + bytes, 0);
        from_safetensors::<f32>(&file).map_err(|e| e.to_string())
    };
    assert_eq!(file("F32", "[1,1,1,1,1,1,2]", 8).unwrap_err(), "x: has 7 axes; at most 6 are taken");
    assert_eq!(file("I32", "[2]", 8).unwrap_err(), "x: is I32; only F32 and F64 are taken");
    assert_eq!(file("F32", "[2]", 8).unwrap()["x"], Tensor::zeros([2]));
}

#[test]
fn errors_name_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.safetensors");
    std::fs::write(&path, &FROM_PYTHON[..40]).unwrap();
    let model = network::<f32>(1);
    let message = state::load(&model, &path).unwrap_err().to_string();
    assert!(message.contains("cut.safetensors") && message.contains("not a whole safetensors file"), "{message}");
    let error = state::load(&model, folder.path().join("absent")).unwrap_err();
    assert!(matches!(error, Error::Io { action: "read", .. }) && error.to_string().contains("absent"), "{error}");
}

/// The network of `golden/batch_norm.safetensors`, with the weights that its maker gave it.
fn normed() -> Sequential<f64> {
    let rng = &mut Rng::new(0, "init", 0);
    let model = Sequential::new()
        .with("fc1", Linear::new(4, 3, Init::PyTorch, rng))
        .with("norm", BatchNorm1d::new(3))
        .with("act", Activation::Tanh)
        .with("out", Linear::new(3, 2, Init::PyTorch, rng));
    for (i, (_, param)) in parameters(&model).into_iter().enumerate() {
        param.set(Portable::new(i as u64).draw("signed", param.get().shape()));
    }
    model
}

fn close(found: &Tensor<f64>, expected: &[f64]) -> bool {
    found.numel() == expected.len()
        && found.data().iter().zip(expected).all(|(f, w)| (f - w).abs() <= 1e-14 * w.abs().max(1.0))
}

#[test]
fn buffers_are_saved_but_are_no_parameters() {
    let model = normed();
    let names: Vec<_> = buffers(&model).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["norm.running_mean", "norm.running_var"]);
    assert_eq!((parameters(&model).len(), count_parameters(&model)), (6, 12 + 3 + 6 + 6 + 2));
    let dict = state_dict(&model);
    assert_eq!((dict.len(), dict["norm.running_var"].data()), (8, &[1.0; 3][..]));
}

#[test]
fn running_statistics_follow_pytorchs() {
    let model = normed();
    for step in 0..3 {
        let x = Var::constant(Portable::new(20 + step).draw("signed", &[5, 4]));
        let before = state_dict(&model);
        let tape = Tape::new();
        let mut cx = Ctx::train(&tape, 0, step);
        model.forward(&x, &mut cx).unwrap();
        assert_eq!(state_dict(&model), before, "a forward pass changes nothing");
        cx.proposals().commit();
    }
    let (state, expected) = (state_dict(&model), from_safetensors::<f64>(NORMED).unwrap());
    assert_eq!(state.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    assert!(expected.iter().all(|(name, expected)| close(&state[name], expected.data())), "{state:?} for {expected:?}");
}

#[test]
fn pytorchs_batch_norm_loads_and_computes_the_same() {
    let model = normed();
    load_state_dict(&model, &from_safetensors(NORMED).unwrap()).unwrap();
    let x = Var::constant(Tensor::new(vec![1.0, 2.0, 3.0, 4.0], [1, 4]).unwrap());
    let y = model.forward(&x, &mut Ctx::eval()).unwrap();
    assert!(close(y.value(), &[0.8617120906700465, 0.8582423066853067]), "{y:?}");
}

#[test]
fn only_the_count_of_batches_is_skipped() {
    let (model, full) = (normed(), from_safetensors::<f64>(NORMED).unwrap());
    let mut counted = full.clone();
    counted.insert("norm.num_batches_tracked".into(), Tensor::scalar(3.0));
    load_state_dict(&model, &counted).unwrap();
    let before = state_dict(&model);
    for (name, state) in [("fc1.num_batches_tracked", full.clone()), ("norm.xnum_batches_tracked", full.clone())] {
        let mut state = state;
        state.insert(name.into(), Tensor::scalar(3.0));
        let message = load_state_dict(&model, &state).unwrap_err().to_string();
        assert!(message.ends_with(&format!("{name}: unexpected")), "{message}");
    }
    let mut short = full;
    short.remove("norm.running_var");
    short.insert("fc1.bias".into(), Tensor::zeros([3]));
    let message = load_state_dict(&model, &short).unwrap_err().to_string();
    assert!(message.ends_with("norm.running_var: missing"), "{message}");
    assert_eq!(state_dict(&model), before, "nothing was written");
}

#[test]
fn what_fits_is_taken_and_the_rest_reported() {
    let (source, model) = (network::<f32>(1), network::<f32>(2));
    let mut dict: State<f32> =
        state_dict(&source).into_iter().map(|(name, tensor)| (format!("auto.{name}"), tensor)).collect();
    dict.insert("auto.out.bias".into(), Tensor::zeros([5]));
    dict.insert("decoder.weight".into(), Tensor::zeros([1]));
    let before = state_dict(&model);
    let found = state::load_matching_dict(&model, &dict, |name| {
        name.strip_prefix("auto.").filter(|name| *name != "out.weight").map(str::to_owned)
    })
    .unwrap();
    let taken: Vec<_> = found.taken.iter().map(|(to, from)| (to.as_str(), from.as_str())).collect();
    assert_eq!(taken, [("fc1.bias", "auto.fc1.bias"), ("fc1.weight", "auto.fc1.weight")]);
    assert_eq!(found.missing, ["out.weight"]);
    assert_eq!(found.unexpected, ["auto.out.weight", "decoder.weight"]);
    assert_eq!(found.reshaped, [("out.bias".to_owned(), [2].into(), [5].into())]);
    assert_eq!(
        found.to_string(),
        "2 taken; missing: out.weight; unexpected: auto.out.weight, decoder.weight; \
         of another shape: out.bias (is [2], not [5])"
    );
    let (after, source) = (state_dict(&model), state_dict(&source));
    assert!(after["fc1.weight"] == source["fc1.weight"] && after["fc1.bias"] == source["fc1.bias"]);
    assert!(after["out.weight"] == before["out.weight"] && after["out.bias"] == before["out.bias"]);

    // Nothing at all fits: the model stays, and the report says so. Two for one place: refused.
    let nothing = state::load_matching_dict(&model, &dict, |_| None).unwrap();
    assert_eq!((nothing.taken.len(), nothing.missing.len(), nothing.unexpected.len()), (0, 4, 5));
    let twice = state::load_matching_dict(&model, &dict, |_| Some("fc1.bias".into())).unwrap_err();
    assert!(matches!(twice, Error::State(_)) && twice.to_string().contains("fc1.bias"), "{twice}");
    assert_eq!(state_dict(&model), after);
}

#[test]
fn a_part_of_a_file_is_loaded_into_tied_parameters_once() {
    let folder = std::env::temp_dir().join(format!("gradus-matching-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (path, model) = (folder.join("part.safetensors"), tied(0.0));
    let dict = State::from([("decoder".to_owned(), Tensor::full([2, 2], 4.0))]);
    std::fs::write(&path, to_safetensors::<f64>(&dict).unwrap()).unwrap();
    let found = state::load_matching(&model, &path, |name| Some(name.to_owned())).unwrap();
    assert_eq!((found.taken.len(), found.missing), (1, vec!["bias".to_owned()]));
    assert_eq!(model.0.get().data(), [4.0; 4]);
    let missing = state::load_matching(&model, folder.join("none"), |_| None).unwrap_err().to_string();
    assert!(missing.contains("none"), "{missing}");
    std::fs::remove_dir_all(folder).unwrap();
}

/// Loading weights leaves the optimizer's running values alone, and theirs too: two training paths that begin at the
/// same weights and running values are the same, whatever the network held between.
#[test]
fn weights_loaded_between_steps_are_stepped_from_and_shared_buffers_stay_shared() {
    let step = |model: &Sequential<f64>, adam: &mut FirstOrder<f64, Adam>, t: u64| {
        let x = Var::constant(Portable::new(40 + t).draw("signed", &[5, 4]));
        let mut proposals = None;
        let mut closure = || {
            let tape = Tape::new();
            let mut cx = Ctx::train(&tape, 0, t);
            let y = model.forward(&x, &mut cx)?;
            let loss = y.mul(&y)?.sum()?;
            proposals = Some(cx.proposals());
            Ok((loss.value().item(), tape.backward(&loss)?))
        };
        adam.step(model, &mut closure).unwrap();
        proposals.unwrap().commit();
    };
    let (model, mut adam) = (normed(), FirstOrder::new(Adam::new(0.01)));
    step(&model, &mut adam, 1);
    let (kept, running) = (state_dict(&model), adam.state());
    assert_ne!(kept["norm.running_mean"].data(), [0.0; 3], "the step moved the buffers too");
    step(&model, &mut adam, 2);
    let (expected, then) = (state_dict(&model), adam.state());

    // Other weights, then the kept ones again: the running values must be put back as well to go the same way.
    load_state_dict(&model, &state_dict(&normed())).unwrap();
    load_state_dict(&model, &kept).unwrap();
    assert_eq!(adam.state(), then, "loading weights is none of the optimizer's business");
    adam.load(1, running).unwrap();
    step(&model, &mut adam, 2);
    assert_eq!((state_dict(&model), adam.state(), adam.steps()), (expected, then, 2));

    // What was taken out before is a copy of its own: steps wrote to the model, not to it.
    assert_eq!(kept["norm.running_mean"], {
        load_state_dict(&model, &kept).unwrap();
        state_dict(&model)["norm.running_mean"].clone()
    });
    step(&model, &mut adam, 3);
    assert_ne!(state_dict(&model)["fc1.weight"], kept["fc1.weight"]);

    // A buffer under two names is one: committed once, loaded through either.
    let shared = normed();
    let twin =
        Sequential::new().with("a", Twin(buffers(&shared)[0].1.clone())).with("b", Twin(buffers(&shared)[0].1.clone()));
    assert_eq!(state_dict(&twin).keys().collect::<Vec<_>>(), ["a.kept"]);
    let moved = Tensor::full([3], 2.5);
    load_state_dict(&twin, &State::from([("b.kept".to_owned(), moved.clone())])).unwrap();
    assert_eq!(state_dict(&shared)["norm.running_mean"], moved);
}

/// Nothing but a handle on a buffer.
struct Twin(Buffer<f64>);

impl Module<f64> for Twin {
    fn forward(&self, x: &Var<f64>, _: &mut Ctx<'_, f64>) -> Result<Var<f64>> {
        Ok(x.clone())
    }
    fn walk(&self, walk: &mut Walk<'_, f64>) {
        walk.buffer("kept", &self.0);
    }
    fn kind(&self) -> Kind {
        Kind::layer("twin")
    }
}
