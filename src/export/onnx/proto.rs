//! The messages of an ONNX file, in the Protocol Buffers of `onnx.proto3` (onnx.ai, 2017; IR version 8).
//!
//! A file is one [`Model`]: a [`Graph`] of nodes, each an operator applied to values that have names, and the weights
//! as tensors that have names too. Only the fields that this crate writes or reads are here, with the numbers that the
//! standard gives them; a reader of Protocol Buffers passes over the others. Scalars of an attribute are optional, not
//! plain, so that a zero is written down: readers of the older syntax want to see it.

/// A whole file.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Model {
    /// Version of these messages.
    #[prost(int64, tag = "1")]
    pub(super) ir_version: i64,
    /// The program that wrote it.
    #[prost(string, tag = "2")]
    pub(super) producer_name: String,
    /// Which version of it.
    #[prost(string, tag = "3")]
    pub(super) producer_version: String,
    /// The network.
    #[prost(message, optional, tag = "7")]
    pub(super) graph: Option<Graph>,
    /// The versions of the operators' definitions.
    #[prost(message, repeated, tag = "8")]
    pub(super) opset_import: Vec<OperatorSetId>,
    /// What the file says of itself, by key.
    #[prost(message, repeated, tag = "14")]
    pub(super) metadata_props: Vec<Property>,
}

/// A word under a key.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Property {
    /// The key.
    #[prost(string, tag = "1")]
    pub(super) key: String,
    /// The word.
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

/// The version of one domain's operators; the domain of the standard is "".
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct OperatorSetId {
    /// The domain.
    #[prost(string, tag = "1")]
    pub(super) domain: String,
    /// The version.
    #[prost(int64, tag = "2")]
    pub(super) version: i64,
}

/// Nodes in an order in which they can run.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Graph {
    /// The nodes.
    #[prost(message, repeated, tag = "1")]
    pub(super) node: Vec<Node>,
    /// The graph's name.
    #[prost(string, tag = "2")]
    pub(super) name: String,
    /// The weights.
    #[prost(message, repeated, tag = "5")]
    pub(super) initializer: Vec<Tensor>,
    /// Values that come from outside.
    #[prost(message, repeated, tag = "11")]
    pub(super) input: Vec<ValueInfo>,
    /// The outputs.
    #[prost(message, repeated, tag = "12")]
    pub(super) output: Vec<ValueInfo>,
}

/// An operator applied to values.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Node {
    /// Names of what it takes.
    #[prost(string, repeated, tag = "1")]
    pub(super) input: Vec<String>,
    /// Names of what it gives.
    #[prost(string, repeated, tag = "2")]
    pub(super) output: Vec<String>,
    /// The node's own name.
    #[prost(string, tag = "3")]
    pub(super) name: String,
    /// The operator.
    #[prost(string, tag = "4")]
    pub(super) op_type: String,
    /// The operator's settings.
    #[prost(message, repeated, tag = "5")]
    pub(super) attribute: Vec<Attribute>,
    /// The operator's domain, "" for the standard's own.
    #[prost(string, tag = "7")]
    pub(super) domain: String,
}

/// A setting by name.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Attribute {
    /// The setting's name.
    #[prost(string, tag = "1")]
    pub(super) name: String,
    /// Its value, if it is a real number.
    #[prost(float, optional, tag = "2")]
    pub(super) f: Option<f32>,
    /// Its value, if it is a whole number.
    #[prost(int64, optional, tag = "3")]
    pub(super) i: Option<i64>,
    /// Its value, if it is a word.
    #[prost(bytes = "vec", optional, tag = "4")]
    pub(super) s: Option<Vec<u8>>,
    /// Its value, if it is a list of whole numbers.
    #[prost(int64, repeated, tag = "8")]
    pub(super) ints: Vec<i64>,
    /// Which of them it is: one of the constants below.
    #[prost(int32, tag = "20")]
    pub(super) r#type: i32,
}

impl Attribute {
    /// A real number.
    pub(super) const FLOAT: i32 = 1;
    /// A whole number.
    pub(super) const INT: i32 = 2;
    /// A word.
    pub(super) const STRING: i32 = 3;
    /// Whole numbers.
    pub(super) const INTS: i32 = 7;
}

/// Numbers with a shape.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Tensor {
    /// The sizes of the axes.
    #[prost(int64, repeated, tag = "1")]
    pub(super) dims: Vec<i64>,
    /// The sort of numbers: one of the constants below.
    #[prost(int32, tag = "2")]
    pub(super) data_type: i32,
    /// The name.
    #[prost(string, tag = "8")]
    pub(super) name: String,
    /// The numbers, row-major and little-endian.
    #[prost(bytes = "vec", tag = "9")]
    pub(super) raw_data: Vec<u8>,
}

impl Tensor {
    /// `f32`.
    pub(super) const FLOAT: i32 = 1;
    /// `i64`.
    pub(super) const INT64: i32 = 7;
}

/// The name and type of a value.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ValueInfo {
    /// The name.
    #[prost(string, tag = "1")]
    pub(super) name: String,
    /// The type.
    #[prost(message, optional, tag = "2")]
    pub(super) r#type: Option<Type>,
}

/// A value's type; of the standard's sorts only the tensor is here.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Type {
    /// A tensor of this sort.
    #[prost(message, optional, tag = "1")]
    pub(super) tensor_type: Option<TensorType>,
}

/// The sort of numbers and the shape of a tensor.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TensorType {
    /// The sort of numbers, as in [`Tensor`].
    #[prost(int32, tag = "1")]
    pub(super) elem_type: i32,
    /// The shape.
    #[prost(message, optional, tag = "2")]
    pub(super) shape: Option<TensorShape>,
}

/// Sizes of axes, some of them open.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TensorShape {
    /// One entry an axis.
    #[prost(message, repeated, tag = "1")]
    pub(super) dim: Vec<Dimension>,
}

/// The size of an axis.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Dimension {
    /// A number, or a letter that stands for any; none of them says nothing at all.
    #[prost(oneof = "Size", tags = "1, 2")]
    pub(super) value: Option<Size>,
}

/// What is known of an axis.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Size {
    /// This size.
    #[prost(int64, tag = "1")]
    Value(i64),
    /// Any size; axes with the same letter have the same.
    #[prost(string, tag = "2")]
    Param(String),
}
