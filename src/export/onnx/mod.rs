//! ONNX, the Open Neural Network Exchange: a network as a graph of standard operators, which other programs can run.
//!
//! Each layer says itself of which operators it is made ([`Module::onnx`]). Three steps, each in a file, are left: `graph`
//! reads a network's layers, and whose outputs each of them reads, off one pass; `operator` reads a node of a file and runs it (`attribute`
//! has its settings); `proto` has the messages that make up the file. Here they meet: a graph becomes bytes, and bytes a
//! [`Network`].
//!
//! The reader knows what the writer writes and refuses everything else by name. It is there so that no export leaves
//! the house unread: see [`export`].

mod attribute;
mod graph;
mod operator;
mod proto;

use super::difference::largest_error;
use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::Module;
use crate::shape::MAX_RANK;
use crate::tensor::Tensor;
use graph::{Graph, INPUT, OUTPUT, Step, Taken, Value};
use operator::{Operator, Weight};
use prost::Message;
use std::collections::BTreeMap;

/// How far a layer of the export may be from the network's, as a fraction of the layer's largest value (or of 1). The
/// operators are computed by the network's own ops, so they are off by a few roundings of 6·10⁻⁸; and another network
/// by about the size of its values.
const TOLERANCE: f64 = 1e-4;

/// A network as the bytes of an ONNX file, and the largest error that the file, read back and run on `samples`, has
/// against the network itself.
///
/// The shapes are those of the samples, the batch axis left open; dropout, which does nothing outside training, is left
/// out. Version 17 of the operators is required (IR version 8), with GELU version 20 (IR version 9). Fails for a
/// network that has a layer for which there is no operator here, or computes something between its layers.
pub fn export(model: &dyn Module, samples: &Tensor) -> Result<(Vec<u8>, f64)> {
    export_described(model, samples, &[])
}

/// The same with words of the file about itself, by key: `metadata_props`, of which ONNX Runtime gives a dictionary.
pub fn export_described(model: &dyn Module, samples: &Tensor, metadata: &[(String, String)]) -> Result<(Vec<u8>, f64)> {
    let graph = graph::read_off(model, samples)?;
    let bytes = encode(&graph, samples.shape(), metadata);
    let error = compare(&Network::from_bytes(&bytes)?, &graph, samples)?;
    Ok((bytes, error))
}

/// Runs a network that was read back beside the one it was written from: the largest error of the output. Fails where
/// they are not the same network.
fn compare(network: &Network, graph: &Graph, samples: &Tensor) -> Result<f64> {
    let output = network.run_nodes(samples, &mut |at, y| {
        for witness in graph.witnesses.iter().filter(|witness| witness.value == Value::Step(at)) {
            let sizes = witness.output.data().iter().map(|y| f64::from(y.abs())).filter(|size| size.is_finite());
            let error = largest_error(y, &witness.output);
            if error > TOLERANCE * sizes.fold(1.0, f64::max) {
                let why = format!("does not give what its operators give (largest difference {error:.1e})");
                return Err(graph::refused(&witness.path, &why));
            }
        }
        Ok(())
    })?;
    Ok(largest_error(&output, &graph.output))
}

/// The file's bytes.
fn encode(graph: &Graph, input: &[usize], metadata: &[(String, String)]) -> Vec<u8> {
    let mut initializer: BTreeMap<String, proto::Tensor> = BTreeMap::new();
    let mut nodes = Vec::with_capacity(graph.steps.len());
    let name_of = |value: Value| match value {
        Value::Input => INPUT.to_owned(),
        value if value == graph.gives => OUTPUT.to_owned(),
        Value::Step(at) => graph.steps[at].name.clone(),
    };
    for (at, Step { name, node, takes }) in graph.steps.iter().enumerate() {
        let mut input = Vec::with_capacity(takes.len());
        for taken in takes {
            let own = |part: &str| format!("{name}.{part}");
            let (name, stored) = match taken {
                Taken::Value(value) => (name_of(*value), None),
                Taken::Weight(name, weight) => (name.clone(), Some(reals(name, weight.shape(), weight.data()))),
                Taken::Reals(part, numbers) => (own(part), Some(reals(&own(part), &[numbers.len()], numbers))),
                Taken::Ints(part, numbers) => (own(part), Some(whole(&own(part), numbers))),
                Taken::Nothing => (String::new(), None),
            };
            if let Some(stored) = stored {
                initializer.entry(name.clone()).or_insert(stored);
            }
            input.push(name);
        }
        nodes.push(proto::Node {
            input,
            output: vec![name_of(Value::Step(at))],
            name: name.clone(),
            op_type: node.operator.into(),
            attribute: node.settings.iter().map(|(name, setting)| attribute::written(name, setting)).collect(),
            domain: String::new(),
        });
    }
    let opset = graph.steps.iter().map(|step| step.node.since).max().expect("at least one step");
    let graph = proto::Graph {
        node: nodes,
        name: "network".into(),
        initializer: initializer.into_values().collect(),
        input: vec![described(INPUT, input)],
        output: vec![described(OUTPUT, graph.output.shape())],
    };
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

/// Real numbers as the file has them.
fn reals(name: &str, shape: &[usize], numbers: &[f32]) -> proto::Tensor {
    proto::Tensor {
        dims: shape.iter().map(|&size| size as i64).collect(),
        data_type: proto::Tensor::FLOAT,
        name: name.into(),
        raw_data: numbers.iter().flat_map(|x| x.to_le_bytes()).collect(),
    }
}

/// Whole numbers as the file has them.
fn whole(name: &str, numbers: &[i64]) -> proto::Tensor {
    proto::Tensor {
        dims: vec![numbers.len() as i64],
        data_type: proto::Tensor::INT64,
        name: name.into(),
        raw_data: numbers.iter().flat_map(|n| n.to_le_bytes()).collect(),
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

/// A network read from an ONNX file: a graph of operators.
#[derive(Clone, Debug)]
pub struct Network {
    input: Vec<usize>,
    nodes: Vec<Node>,
    gives: Value,
    metadata: BTreeMap<String, String>,
}

/// A node that was read: its name, its operator, and the values that it takes beside its weights.
#[derive(Clone, Debug)]
struct Node {
    name: String,
    operator: Operator,
    inputs: Vec<Value>,
}

/// What the file keeps under a name.
enum Stored {
    Reals(Tensor),
    Whole(Vec<i64>),
}

impl Network {
    /// Reads a file's bytes. Knows the operators and settings that [`export`] writes, each node after those whose
    /// values it takes; anything else is an error that names the node.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let wrong = |what: String| Error::State(format!("this ONNX file cannot be read: {what}"));
        let model = proto::Model::decode(bytes).map_err(|e| wrong(format!("it is damaged, or not ONNX: {e}")))?;
        let opset = model.opset_import.iter().find(|set| set.domain.is_empty()).map_or(0, |set| set.version);
        if !(17..=20).contains(&opset) {
            return Err(wrong(format!("it requires version {opset} of the operators; 17 to 20 are known")));
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

        let mut values = BTreeMap::from([(input.name.as_str(), Value::Input)]);
        let mut nodes = Vec::with_capacity(graph.node.len());
        for node in &graph.node {
            let wrong = |what: String| wrong(format!("node {}: {what}", node.name));
            let [given] = node.output.as_slice() else {
                return Err(wrong(format!("it gives {} values; one is known", node.output.len())));
            };
            // Values come first, then weights.
            let inputs: Vec<Value> = node.input.iter().map_while(|name| values.get(name.as_str()).copied()).collect();
            let (mut reals, mut whole): (Vec<Weight>, Option<&[i64]>) = (Vec::new(), None);
            // An omitted value has no name.
            for name in node.input[inputs.len()..].iter().filter(|n| !(n.is_empty() && node.op_type == "Resize")) {
                match stored.get(name.as_str()) {
                    Some(Stored::Reals(weight)) => reals.push((name.clone(), weight.clone())),
                    Some(Stored::Whole(numbers)) if whole.is_none() => whole = Some(numbers),
                    _ => {
                        let what = "which is neither the value of a node before it nor a weight of the file";
                        return Err(wrong(format!("it takes {name}, {what}")));
                    }
                }
            }
            let operator = Operator::read(node, inputs.len(), reals, whole).map_err(wrong)?;
            if values.insert(given, Value::Step(nodes.len())).is_some() {
                return Err(wrong(format!("it gives {given}, which another node gives")));
            }
            nodes.push(Node { name: node.name.clone(), operator, inputs });
        }
        let gives = values.get(output.name.as_str()).copied();
        let gives = gives.ok_or_else(|| wrong(format!("its output is {}, which no node gives", output.name)))?;
        let metadata = model.metadata_props.into_iter().map(|property| (property.key, property.value)).collect();
        Ok(Self { input: sizes, nodes, gives, metadata })
    }

    /// What the file says of itself, by key.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The graph's nodes in the order in which they run: each with its name, its operator, and the names of the values that
    /// it takes beside its weights, which are nodes' names or `input`.
    pub fn nodes(&self) -> Vec<(String, String, Vec<String>)> {
        let name_of = |value: &Value| value.step().map_or(INPUT, |at| &self.nodes[at].name).to_owned();
        let described =
            |node: &Node| (node.name.clone(), node.operator.name.clone(), node.inputs.iter().map(name_of).collect());
        self.nodes.iter().map(described).collect()
    }

    /// The shape of a sample.
    pub fn input(&self) -> &[usize] {
        &self.input
    }

    /// The output for a batch `x` of samples.
    pub fn run(&self, x: &Tensor) -> Result<Tensor> {
        if x.rank() != self.input.len() + 1 || x.shape()[1..] != self.input[..] {
            return Err(Error::shape("network", format!("expects [N, ..{:?}]; found {:?}", self.input, x.shape())));
        }
        self.run_nodes(x, &mut |_, _| Ok(()))
    }

    /// The output for `x`; `seen` is shown the value of each node. A value is freed after the last node that takes it.
    /// Errors have the node's name in front.
    fn run_nodes(&self, x: &Tensor, seen: &mut dyn FnMut(usize, &Tensor) -> Result<()>) -> Result<Tensor> {
        let mut last_use = vec![usize::MAX; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            node.inputs.iter().filter_map(|value| value.step()).for_each(|taken| last_use[taken] = at);
        }
        let x = Var::constant(x.clone());
        let mut values: Vec<Option<Var>> = Vec::with_capacity(self.nodes.len());
        let of = |value: Value, values: &[Option<Var>]| match value {
            Value::Input => x.clone(),
            Value::Step(at) => values[at].clone().expect("a value is kept until its last use"),
        };
        for (at, node) in self.nodes.iter().enumerate() {
            let inputs: Vec<Var> = node.inputs.iter().map(|&value| of(value, &values)).collect();
            let y = node.operator.run(&inputs.iter().collect::<Vec<_>>()).map_err(|e| e.within(&node.name))?;
            seen(at, y.value())?;
            values.push(Some(y));
            for taken in node.inputs.iter().filter_map(|value| value.step()) {
                if last_use[taken] == at && self.gives != Value::Step(taken) {
                    values[taken] = None;
                }
            }
        }
        Ok(of(self.gives, &values).into_value())
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
