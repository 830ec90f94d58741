//! From a trained network to a graph of operators, with nothing beside it that describes it: one pass over samples shows
//! which layers ran, of which operators each of them says it is made, and whose outputs they read.
//!
//! A module that is made of others must hand on what one of them gave: what it computes itself between them, no operator
//! stands for, and it is refused by name. Layers whose output does not reach the network's are omitted, such as the
//! variance of a code, whose mean is passed on.

use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::onnx::{Node, Operand};
use crate::nn::{Captured, Ctx, Kind, Module, Source, Walk, buffers};
use crate::tensor::Tensor;
use std::collections::{BTreeMap, BTreeSet};

/// The names of a graph's input and output.
pub(super) const INPUT: &str = "input";
pub(super) const OUTPUT: &str = "output";

/// A value of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// The graph's input.
    Input,
    /// What this step gives.
    Step(usize),
}

impl Value {
    /// The step that gives it.
    pub(super) fn step(self) -> Option<usize> {
        match self {
            Value::Input => None,
            Value::Step(at) => Some(at),
        }
    }
}

/// A node with what it takes, which the graph's input or earlier steps give or the file holds, and its name, which is also
/// the name of the value that it gives.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The name.
    pub(super) name: String,
    /// The operator and its settings.
    pub(super) node: Node,
    /// What it takes.
    pub(super) takes: Vec<Taken>,
}

/// Something that a step takes.
#[derive(Clone, Debug)]
pub(super) enum Taken {
    /// A value of the graph.
    Value(Value),
    /// A weight with its name.
    Weight(String, Tensor),
    /// Real numbers of the step's own, and their name.
    Reals(&'static str, Vec<f32>),
    /// Whole numbers of the step's own, and their name.
    Ints(&'static str, Vec<i64>),
    /// Nothing, in the place of an optional value.
    Nothing,
}

impl Step {
    /// The step that gives `x` again.
    fn identity(x: Value) -> Self {
        Self { name: "identity".into(), node: Node::of_input("Identity"), takes: vec![Taken::Value(x)] }
    }

    /// The values that it takes.
    fn values(&mut self) -> impl Iterator<Item = &mut Value> {
        self.takes.iter_mut().filter_map(|taken| if let Taken::Value(value) = taken { Some(value) } else { None })
    }
}

/// What the network itself had at a value.
pub(super) struct Witness {
    /// The value.
    pub(super) value: Value,
    /// The layer's path.
    pub(super) path: String,
    /// The layer's output for the samples.
    pub(super) output: Tensor,
}

/// A network as a graph, its steps in an order in which they can run.
pub(super) struct Graph {
    /// The operators.
    pub(super) steps: Vec<Step>,
    /// The graph's output.
    pub(super) gives: Value,
    /// The network's own values on the way.
    pub(super) witnesses: Vec<Witness>,
    /// The network's output for the samples.
    pub(super) output: Tensor,
}

/// Reads the graph off one pass over `samples`.
pub(super) fn read_off(model: &dyn Module, samples: &Tensor) -> Result<Graph> {
    let mut cx = Ctx::eval().capture(&|_| true);
    // Called like a child, the network is captured too: as the last one, under an empty path.
    let output = cx.call("", model, &Var::constant(samples.clone()))?.value().clone();

    let weights = Weights::of(model);
    let mut graph = Graph { steps: Vec::new(), gives: Value::Input, witnesses: Vec::new(), output };
    // The value that stands for each captured module's output.
    let mut values: Vec<Value> = Vec::new();
    for layer in cx.captured() {
        let value = |from: Source, unknown: &str| match from {
            Source::Input => Ok(Value::Input),
            Source::Module(at) => Ok(values[at]),
            Source::Unknown => Err(refused(&layer.path, unknown)),
        };
        let given = if layer.kind == Kind::Container {
            value(layer.origin, "computes something itself with what its layers give")?
        } else {
            let read = layer.inputs.iter().map(|read| value(read.from, "takes a value that no layer gives"));
            graph.append(&layer, &read.collect::<Result<Vec<_>>>()?, &weights)?
        };
        graph.witnesses.push(Witness { value: given, path: layer.path, output: layer.output });
        values.push(given);
        graph.gives = given;
    }
    graph.prune();
    if graph.gives == Value::Input {
        graph.gives = graph.add(Step::identity(Value::Input));
    }
    let mut names = Names(weights.names());
    graph.steps.iter_mut().for_each(|step| step.name = names.fresh(std::mem::take(&mut step.name)));
    Ok(graph)
}

impl Graph {
    /// Appends the steps that compute a layer from these values. Returns the value that they give.
    fn append(&mut self, layer: &Captured<f32>, read: &[Value], weights: &Weights) -> Result<Value> {
        let Some(nodes) = &layer.onnx else {
            let why = format!("is a {}, for which this crate knows no ONNX operator", layer.kind);
            return Err(refused(&layer.path, &why));
        };
        let (count, mut now, first) = (nodes.len(), read[0], self.steps.len());
        for (i, node) in nodes.iter().enumerate() {
            let operator = node.operator.to_lowercase();
            let name = match (layer.path.as_str(), i + 1 < count) {
                ("", _) => operator,
                (path, true) => format!("{path}.{operator}"),
                (path, false) => path.to_owned(),
            };
            let take = |operand: &Operand| match operand {
                Operand::Input(at) => {
                    let value = read.get(*at).copied();
                    let why = "has an ONNX operator for more values than it reads";
                    value.map(Taken::Value).ok_or_else(|| refused(&layer.path, why))
                }
                Operand::Before => Ok(Taken::Value(now)),
                Operand::Node(at) if *at < i => Ok(Taken::Value(Value::Step(first + at))),
                Operand::Node(_) => Err(refused(&layer.path, "has an ONNX operator that takes what a later one gives")),
                Operand::Weight(name) => weights.of_layer(&layer.path, name),
                Operand::Transposed(name) => match weights.of_layer(&layer.path, name)? {
                    Taken::Weight(name, weight) => {
                        let turned = Var::constant(weight).permute(&[1, 0])?.into_value();
                        Ok(Taken::Weight(format!("{name}.transposed"), turned))
                    }
                    other => Ok(other),
                },
                Operand::Above(name, rows) => match weights.of_layer(&layer.path, name)? {
                    Taken::Weight(name, weight) => {
                        let padded = Var::constant(weight).pad(0, 0, *rows, 0.0)?.into_value();
                        Ok(Taken::Weight(format!("{name}.padded"), padded))
                    }
                    other => Ok(other),
                },
                Operand::Reals(name, numbers) => Ok(Taken::Reals(name, numbers.clone())),
                Operand::Ints(name, numbers) => Ok(Taken::Ints(name, numbers.clone())),
                Operand::Nothing => Ok(Taken::Nothing),
            };
            let takes = node.operands.iter().map(take).collect::<Result<_>>()?;
            now = self.add(Step { name, node: node.clone(), takes });
        }
        Ok(now)
    }

    fn add(&mut self, step: Step) -> Value {
        self.steps.push(step);
        Value::Step(self.steps.len() - 1)
    }

    /// Leaves out the steps that the output does not depend on.
    fn prune(&mut self) {
        let mut needed = vec![false; self.steps.len()];
        let need = |value: &Value, needed: &mut Vec<bool>| {
            if let Value::Step(at) = *value {
                needed[at] = true;
            }
        };
        need(&self.gives, &mut needed);
        for (at, step) in self.steps.iter_mut().enumerate().rev() {
            if needed[at] {
                step.values().for_each(|value| need(value, &mut needed));
            }
        }
        let kept = |at: usize| needed[..at].iter().filter(|needed| **needed).count();
        let renumber = |value: &mut Value| {
            if let Value::Step(at) = value {
                *at = kept(*at);
            }
        };
        self.witnesses.retain(|witness| !matches!(witness.value, Value::Step(at) if !needed[at]));
        self.witnesses.iter_mut().for_each(|witness| renumber(&mut witness.value));
        renumber(&mut self.gives);
        let mut keep = needed.iter();
        self.steps.retain(|_| *keep.next().expect("one for each step"));
        self.steps.iter_mut().flat_map(Step::values).for_each(renumber);
    }
}

/// An error that says which layer no operator stands for.
pub(super) fn refused(path: &str, why: &str) -> Error {
    let who = if path.is_empty() { "the network".into() } else { format!("layer {path}") };
    Error::invalid(format!(
        "{who} {why}: only a network whose values all come from layers with an ONNX operator can be written as ONNX; its \
         weights can be written as npz or safetensors"
    ))
}

/// The parameters by all their paths, a tied one having its first path for a name; and the buffers.
struct Weights(BTreeMap<String, (String, Tensor)>);

impl Weights {
    fn of(model: &dyn Module) -> Self {
        let (mut first, mut found) = (BTreeMap::new(), BTreeMap::new());
        model.walk(&mut Walk::new(&mut |path, param| {
            let name: &mut String = first.entry(param.id()).or_insert_with(|| path.to_owned());
            found.insert(path.to_owned(), (name.clone(), param.get()));
        }));
        found.extend(buffers(model).into_iter().map(|(path, buffer)| (path.clone(), (path, buffer.get()))));
        Self(found)
    }

    /// The parameter or buffer `name` of the layer at `path`.
    fn of_layer(&self, path: &str, name: &str) -> Result<Taken> {
        let whole = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match self.0.get(&whole) {
            Some((name, weight)) => Ok(Taken::Weight(name.clone(), weight.clone())),
            None => Err(Error::invalid(format!("layer {path} has nothing called {name}"))),
        }
    }

    fn names(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }
}

/// The names that are taken: in a graph each value and each weight has its own.
struct Names(BTreeSet<String>);

impl Names {
    /// `wanted`, or it with a number if it is taken.
    fn fresh(&mut self, wanted: String) -> String {
        let mut name = wanted.clone();
        let mut count = 1;
        while [INPUT, OUTPUT].contains(&name.as_str()) || !self.0.insert(name.clone()) {
            count += 1;
            name = format!("{wanted}_{count}");
        }
        name
    }
}
