//! How a layer says of which ONNX operators it is made: plain data, which `export` writes down.

/// An operator of ONNX with what it takes and its settings, by the standard's names.
///
/// A layer gives a list of nodes, [`Module::onnx`](super::Module::onnx); what the last of them gives is the layer's output.
///
/// ```
/// use gradus::nn::onnx::{Node, Operand};
/// // x σ(x).
/// let silu = [
///     Node::new("Sigmoid", [Operand::Input(0)]),
///     Node::new("Mul", [Operand::Input(0), Operand::Before]),
/// ];
/// assert_eq!(silu[1].operands.len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The operator's name: `Conv`.
    pub operator: &'static str,
    /// What it takes, in the standard's order.
    pub operands: Vec<Operand>,
    /// Its settings, which the standard calls attributes.
    pub settings: Vec<(&'static str, Setting)>,
    /// The version of the standard's operators from which on it means this.
    pub since: i64,
}

/// Something that a node takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A value that the layer reads: number 0, unless it joins several.
    Input(usize),
    /// What the node before this one gives.
    Before,
    /// What the layer's node of this number gives, counted from 0.
    Node(usize),
    /// A parameter or buffer of the layer, by the name of its field.
    Weight(&'static str),
    /// A matrix of the layer with its axes exchanged.
    Transposed(&'static str),
    /// A matrix of the layer above so many rows of zeros.
    Above(&'static str, usize),
    /// Real numbers that are part of the operator, and a name for them.
    Reals(&'static str, Vec<f32>),
    /// Whole numbers that are part of the operator, and a name for them.
    Ints(&'static str, Vec<i64>),
    /// Nothing, in the place of an optional value.
    Nothing,
}

/// The value of a setting.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// A whole number.
    Int(i64),
    /// Several whole numbers.
    Ints(Vec<i64>),
    /// A real number.
    Real(f32),
    /// A word.
    Word(&'static str),
}

impl Node {
    /// The version of the operators that a node requires unless it [says](Self::since) otherwise.
    pub const VERSION: i64 = 17;

    /// Returns a node without settings.
    pub fn new(operator: &'static str, operands: impl Into<Vec<Operand>>) -> Self {
        Self { operator, operands: operands.into(), settings: Vec::new(), since: Self::VERSION }
    }

    /// Returns the node of a function of the layer's only input.
    pub fn of_input(operator: &'static str) -> Self {
        Self::new(operator, [Operand::Input(0)])
    }

    /// Appends a setting that is a whole number.
    pub fn int(self, name: &'static str, value: i64) -> Self {
        self.with(name, Setting::Int(value))
    }

    /// Appends a setting that is a list of sizes.
    pub fn ints(self, name: &'static str, sizes: &[usize]) -> Self {
        self.with(name, Setting::Ints(sizes.iter().map(|&size| size as i64).collect()))
    }

    /// Appends a setting that is a real number, which ONNX keeps as `f32`.
    pub fn real(self, name: &'static str, value: f64) -> Self {
        self.with(name, Setting::Real(value as f32))
    }

    /// Appends a setting that is a word.
    pub fn word(self, name: &'static str, value: &'static str) -> Self {
        self.with(name, Setting::Word(value))
    }

    /// Requires a newer version of the operators.
    pub fn since(self, since: i64) -> Self {
        Self { since, ..self }
    }

    fn with(mut self, name: &'static str, value: Setting) -> Self {
        self.settings.push((name, value));
        self
    }
}
