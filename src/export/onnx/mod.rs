//! ONNX, the Open Neural Network Exchange: a network as a graph of standard operators, which other programs can run.
//!
//! Three steps, each in a file: `chain` reads a network's layers off one pass; `operator` gives each operator as a node
//! of the file, and back, and runs it; `proto` has the messages that make up the file. Here they meet: a chain becomes
//! bytes, and bytes a [`Network`].
//!
//! The reader knows what the writer writes and refuses everything else by name. It is there so that no export leaves
//! the house unread: see [`export`].

mod chain;
mod operator;
mod proto;

use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::Module;
use crate::shape::MAX_RANK;
use crate::tensor::Tensor;
use chain::{Chain, Step};
use operator::{Operator, Weight};
use prost::Message;
use std::collections::BTreeMap;

/// The names of a graph's input and output.
const INPUT: &str = "input";
const OUTPUT: &str = "output";

/// How far a layer of the export may be from the network's, as a share of the layer's largest value (or of 1). The
/// operators are computed by the network's own ops, so a chain is off by a few roundings of 6·10⁻⁸; and what is not
/// a chain by about the size of its values.
const TOLERANCE: f64 = 1e-4;

/// A network as the bytes of an ONNX file, and the largest error that the file, read back and run on `samples`, has
/// against the network itself.
///
/// The shapes are those of the samples, the batch axis left open; dropout, which does nothing outside training, is left
/// out. Version 17 of the operators is asked for (IR version 8), with GELU version 20 (IR version 9). Fails for a
/// network that is not a chain, or has a layer for which there is no operator here.
pub fn export(model: &dyn Module, samples: &Tensor) -> Result<(Vec<u8>, f64)> {
    export_described(model, samples, &[])
}

/// The same with words of the file about itself, by key: `metadata_props`, of which ONNX Runtime gives a dictionary.
pub fn export_described(model: &dyn Module, samples: &Tensor, metadata: &[(String, String)]) -> Result<(Vec<u8>, f64)> {
    let chain = chain::read_off(model, samples)?;
    let bytes = encode(&chain, samples.shape(), metadata);
    let error = compare(&Network::from_bytes(&bytes)?, &chain, samples)?;
    Ok((bytes, error))
}

/// Runs a network that was read back beside the one it was written from: the largest error of the output. Fails where
/// they are not the same network.
fn compare(network: &Network, chain: &Chain, samples: &Tensor) -> Result<f64> {
    let (mut x, mut done) = (samples.clone(), 0);
    for witness in &chain.witnesses {
        x = network.run_steps(done..witness.after, x)?;
        done = witness.after;
        let sizes = witness.output.data().iter().map(|y| f64::from(y.abs())).filter(|size| size.is_finite());
        let error = super::largest_error(&x, &witness.output);
        if error > TOLERANCE * sizes.fold(1.0, f64::max) {
            let why = format!("does not give what the chain of layers up to it gives (largest difference {error:.1e})");
            return Err(chain::refused(&witness.path, &why));
        }
    }
    x = network.run_steps(done..network.steps.len(), x)?;
    Ok(super::largest_error(&x, &chain.output))
}

/// The file's bytes.
fn encode(chain: &Chain, input: &[usize], metadata: &[(String, String)]) -> Vec<u8> {
    let mut initializer: BTreeMap<String, proto::Tensor> = BTreeMap::new();
    let mut nodes = Vec::with_capacity(chain.steps.len());
    let mut value = INPUT.to_owned();
    for (i, Step { name, operator }) in chain.steps.iter().enumerate() {
        let mut inputs = vec![value];
        for (name, weight) in operator.weights() {
            initializer.entry(name.clone()).or_insert_with(|| reals(name, weight));
            inputs.push(name.clone());
        }
        if let Operator::Reshape(sizes) = operator {
            let name = format!("{name}.shape");
            initializer.insert(name.clone(), whole(&name, sizes));
            inputs.push(name);
        }
        if let Operator::Resize(upsample) = operator {
            // The place between is that of a region of interest, which is left out.
            let (name, [h, w]) = (format!("{name}.scales"), upsample.scale.map(|factor| factor as f32));
            let scales = Tensor::new(vec![1.0, 1.0, h, w], [4]).expect("four numbers");
            initializer.insert(name.clone(), reals(&name, &scales));
            inputs.extend([String::new(), name]);
        }
        value = if i + 1 == chain.steps.len() { OUTPUT.to_owned() } else { name.clone() };
        nodes.push(proto::Node {
            input: inputs,
            output: vec![value.clone()],
            name: name.clone(),
            op_type: operator.name().into(),
            attribute: operator.attributes(),
            domain: String::new(),
        });
    }
    let graph = proto::Graph {
        node: nodes,
        name: "network".into(),
        initializer: initializer.into_values().collect(),
        input: vec![described(INPUT, input)],
        output: vec![described(OUTPUT, chain.output.shape())],
    };
    let opset = chain.steps.iter().map(|step| step.operator.since()).max().expect("at least one step");
    let model = proto::Model {
        // The version of the messages that came with these operators.
        ir_version: if opset < 20 { 8 } else { 9 },
        producer_name: env!("CARGO_PKG_NAME").into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(graph),
        opset_import: vec![proto::OperatorSetId { domain: String::new(), version: opset }],
        metadata_props: metadata
            .iter()
            .map(|(key, value)| proto::Property { key: key.clone(), value: value.clone() })
            .collect(),
    };
    model.encode_to_vec()
}

/// A weight as the file has it.
fn reals(name: &str, weight: &Tensor) -> proto::Tensor {
    proto::Tensor {
        dims: weight.shape().iter().map(|&size| size as i64).collect(),
        data_type: proto::Tensor::FLOAT,
        name: name.into(),
        raw_data: weight.data().iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

/// The target of a reshape as the file has it: 0 leaves the batch as it is.
fn whole(name: &str, sizes: &[usize]) -> proto::Tensor {
    let target: Vec<i64> = std::iter::once(0).chain(sizes.iter().map(|&size| size as i64)).collect();
    proto::Tensor {
        dims: vec![target.len() as i64],
        data_type: proto::Tensor::INT64,
        name: name.into(),
        raw_data: target.iter().flat_map(|n| n.to_le_bytes()).collect(),
    }
}

/// A value with its type: `f32`, the batch axis open.
fn described(name: &str, shape: &[usize]) -> proto::ValueInfo {
    let batch = proto::Size::Param("N".into());
    let sizes = shape[1..].iter().map(|&size| proto::Size::Value(size as i64));
    let dim = std::iter::once(batch).chain(sizes).map(|size| proto::Dimension { value: Some(size) }).collect();
    let tensor = proto::TensorType { elem_type: proto::Tensor::FLOAT, shape: Some(proto::TensorShape { dim }) };
    proto::ValueInfo { name: name.into(), r#type: Some(proto::Type { tensor_type: Some(tensor) }) }
}

/// A network read from an ONNX file: a chain of operators.
#[derive(Clone, Debug)]
pub struct Network {
    input: Vec<usize>,
    steps: Vec<Step>,
    metadata: BTreeMap<String, String>,
}

/// What the file keeps under a name.
enum Stored {
    Reals(Tensor),
    Whole(Vec<i64>),
}

impl Network {
    /// Reads a file's bytes. Knows the operators and settings that [`export`] writes, in a chain; anything else is an
    /// error that names the node.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let wrong = |what: String| Error::State(format!("this ONNX file cannot be read: {what}"));
        let model = proto::Model::decode(bytes).map_err(|e| wrong(format!("it is damaged, or not ONNX: {e}")))?;
        let opset = model.opset_import.iter().find(|set| set.domain.is_empty()).map_or(0, |set| set.version);
        if !(17..=20).contains(&opset) {
            return Err(wrong(format!("it asks for version {opset} of the operators; 17 to 20 are known")));
        }
        let graph = model.graph.ok_or_else(|| wrong("it holds no graph".into()))?;
        let mut stored = BTreeMap::new();
        for tensor in &graph.initializer {
            let value = read_stored(tensor).map_err(|what| wrong(format!("weight {}: {what}", tensor.name)))?;
            stored.insert(tensor.name.as_str(), value);
        }
        let ([input], [output]) = (graph.input.as_slice(), graph.output.as_slice()) else {
            let (inputs, outputs) = (graph.input.len(), graph.output.len());
            return Err(wrong(format!("it has {inputs} inputs and {outputs} outputs; one each is known")));
        };
        let sizes = read_sizes(input).map_err(|what| wrong(format!("input {}: {what}", input.name)))?;

        let mut value = input.name.as_str();
        let mut steps = Vec::with_capacity(graph.node.len());
        for node in &graph.node {
            let wrong = |what: String| wrong(format!("node {}: {what}", node.name));
            let ([taken, weights @ ..], [given]) = (node.input.as_slice(), node.output.as_slice()) else {
                return Err(wrong("it does not take at least one value and give one".into()));
            };
            if taken != value {
                return Err(wrong(format!(
                    "it takes {taken}, and the node before it gives {value}; only chains are known"
                )));
            }
            let (mut reals, mut whole): (Vec<Weight>, Option<&[i64]>) = (Vec::new(), None);
            // What is left out has no name.
            for name in weights.iter().filter(|name| !(name.is_empty() && node.op_type == "Resize")) {
                match stored.get(name.as_str()) {
                    Some(Stored::Reals(weight)) => reals.push((name.clone(), weight.clone())),
                    Some(Stored::Whole(numbers)) if whole.is_none() => whole = Some(numbers),
                    _ => return Err(wrong(format!("it takes {name}, which is not a weight of the file"))),
                }
            }
            let operator = Operator::read(node, reals, whole).map_err(wrong)?;
            steps.push(Step { name: node.name.clone(), operator });
            value = given;
        }
        if value != output.name {
            return Err(wrong(format!("its output is {}, but the last node gives {value}", output.name)));
        }
        let metadata = model.metadata_props.into_iter().map(|property| (property.key, property.value)).collect();
        Ok(Self { input: sizes, steps, metadata })
    }

    /// What the file says of itself, by key.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The shape of a sample.
    pub fn input(&self) -> &[usize] {
        &self.input
    }

    /// The output for a batch `x` of samples.
    pub fn run(&self, x: &Tensor) -> Result<Tensor> {
        if x.rank() != self.input.len() + 1 || x.shape()[1..] != self.input[..] {
            return Err(Error::shape("network", format!("wants [N, ..{:?}]; got {:?}", self.input, x.shape())));
        }
        self.run_steps(0..self.steps.len(), x.clone())
    }

    /// The value after some of the steps, which start from `x`. Errors have the node's name in front.
    fn run_steps(&self, range: std::ops::Range<usize>, x: Tensor) -> Result<Tensor> {
        let mut x = Var::constant(x);
        for step in &self.steps[range] {
            x = step.operator.run(&x).map_err(|e| e.within(&step.name))?;
        }
        Ok(x.value().clone())
    }
}

/// The numbers of a weight.
fn read_stored(tensor: &proto::Tensor) -> Result<Stored, String> {
    let sizes: Option<Vec<usize>> =
        tensor.dims.iter().map(|&size| usize::try_from(size).ok().filter(|&size| size > 0)).collect();
    let fits = |width: usize| {
        let sizes = sizes.as_ref().filter(|sizes| sizes.len() <= MAX_RANK)?;
        let bytes = sizes.iter().try_fold(width, |n, &size| n.checked_mul(size))?;
        (bytes == tensor.raw_data.len()).then_some(sizes)
    };
    let misfit = || format!("the shape {:?} does not fit its {} bytes", tensor.dims, tensor.raw_data.len());
    match tensor.data_type {
        proto::Tensor::FLOAT => {
            let sizes = fits(4).ok_or_else(misfit)?;
            let (numbers, _) = tensor.raw_data.as_chunks::<4>();
            let reals = numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            Tensor::new(reals, &sizes[..]).map(Stored::Reals).map_err(|e| e.to_string())
        }
        proto::Tensor::INT64 => {
            fits(8).filter(|sizes| sizes.len() == 1).ok_or_else(misfit)?;
            let (numbers, _) = tensor.raw_data.as_chunks::<8>();
            Ok(Stored::Whole(numbers.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect()))
        }
        other => Err(format!("its numbers are of the sort {other}; 1 (f32) and 7 (i64) are known")),
    }
}

/// The sizes of a graph's input after the batch axis.
fn read_sizes(value: &proto::ValueInfo) -> Result<Vec<usize>, String> {
    let tensor = value.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()).ok_or("it is not a tensor")?;
    if tensor.elem_type != proto::Tensor::FLOAT {
        return Err("its numbers are not f32".into());
    }
    let dims = &tensor.shape.as_ref().ok_or("it has no shape")?.dim;
    if dims.is_empty() || dims.len() > MAX_RANK {
        return Err(format!("it has {} axes", dims.len()));
    }
    let known = dims[1..].iter().map(|dim| match dim.value {
        Some(proto::Size::Value(size)) => usize::try_from(size).ok().filter(|&size| size > 0),
        _ => None,
    });
    known.collect::<Option<_>>().ok_or_else(|| "only its first axis may be open".into())
}
