//! The types of layers: those of the table of [`nn`], and the layers that hold other layers.

use crate::nn::settings::{PlainSettings, Settings};
use crate::nn::{Join, Pointwise};
use crate::{nn, ops};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Writes the enum of the layers from the rows of the table, to which it adds the layers that hold others.
macro_rules! layers {
    (
        layers { $($(#[$about:meta])* $layer:ident($settings:ty), $type:literal, $stem:literal;)* }
        activations { $($(#[$formula:meta])* $function:ident($op:ty), $name:literal;)* }
    ) => {
        /// One layer of the file: its type, and the settings of that type.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "type")]
        pub enum Layer {
            $($(#[$about])* #[serde(rename = $type)] $layer($settings),)*
            $($(#[$formula])* #[serde(rename = $name)] $function(PlainSettings<Pointwise<$op>>),)*
            /// A residual block: its layers compute what is added to its input.
            #[serde(rename = "residual")]
            Residual(Residual),
            /// Branches that all take the same input, joined to one output.
            #[serde(rename = "parallel")]
            Parallel(Parallel),
            /// Layers one after the other under a name.
            #[serde(rename = "sequence")]
            Sequence(Sequence),
            /// The same layers several times, each time with weights of their own.
            #[serde(rename = "repeat")]
            Repeat(Repeat),
        }

        /// The names of the types, as the file writes them.
        pub const TYPES: &[&str] = &[$($type,)* $($name,)* "residual", "parallel", "sequence", "repeat"];

        impl Layer {
            /// The type as the file writes it, what a layer is called that has no name, before its number, and the name that
            /// the file gives it.
            fn names(&self) -> (&'static str, &'static str, Option<&str>) {
                match self {
                    $(Layer::$layer(settings) => ($type, $stem, settings.name.as_deref()),)*
                    $(Layer::$function(settings) => ($name, $name, settings.name.as_deref()),)*
                    Layer::Residual(block) => ("residual", "residual", block.name.as_deref()),
                    Layer::Parallel(block) => ("parallel", "parallel", block.name.as_deref()),
                    Layer::Sequence(block) => ("sequence", "sequence", block.name.as_deref()),
                    Layer::Repeat(block) => ("repeat", "repeat", block.name.as_deref()),
                }
            }

            /// The settings of a layer that holds no others; none of one that does.
            pub(super) fn leaf(&self) -> Option<&dyn Settings> {
                match self {
                    $(Layer::$layer(settings) => Some(settings),)*
                    $(Layer::$function(settings) => Some(settings),)*
                    Layer::Residual(_) | Layer::Parallel(_) | Layer::Sequence(_) | Layer::Repeat(_) => None,
                }
            }
        }
    };
}
nn::layers::table!(layers);

impl Layer {
    /// The type, as the file writes it.
    pub fn type_name(&self) -> &'static str {
        self.names().0
    }

    /// What a layer is called that has no name, before its number.
    fn stem(&self) -> &'static str {
        self.names().1
    }

    /// The name that the file gives it.
    pub fn name(&self) -> Option<&str> {
        self.names().2
    }
}

/// A residual block, y = f(x) + x, or f(x) + s(x) with a shortcut s.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Residual {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// f: layers one after the other, which give the shape of the input, or that of the shortcut.
    pub layer: Vec<Layer>,
    /// s: layers that bring the input to the shape of f(x); usually a `conv2d` of kernel 1. By default the input itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shortcut: Vec<Layer>,
    /// Stochastic depth: the probability with which a sample skips f in training; what is kept counts 1/(1 - drop) times.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub drop: f64,
}

/// Whether a setting has the value that needs not be written.
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

/// Branches on one input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Parallel {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `concat`: their channels one after the other; or `sum`.
    #[serde(default)]
    pub join: Join,
    /// The branches.
    pub branch: Vec<Branch>,
}

/// One of several branches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// Its name in paths and files; by default `branch` and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Layers one after the other; none hand on the input.
    #[serde(default)]
    pub layer: Vec<Layer>,
}

/// Layers one after the other under a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sequence {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The layers.
    pub layer: Vec<Layer>,
}

/// The same layers several times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// Its name in paths and files; by default the type and a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How often. The copies are called 1, 2, ..
    pub times: usize,
    /// The layers of a copy.
    pub layer: Vec<Layer>,
}

impl Parallel {
    /// The name of each branch.
    pub fn names(&self) -> Vec<String> {
        let name = |(i, branch): (usize, &Branch)| branch.name.clone().unwrap_or_else(|| format!("branch{}", i + 1));
        self.branch.iter().enumerate().map(name).collect()
    }
}

impl Layer {
    /// The lists of layers within this one, none of a layer that holds no others, each with the key under which the file has it: `layer`, `shortcut`,
    /// `branch.2.layer`.
    pub(super) fn lists(&self) -> Vec<(String, &[Layer])> {
        match self {
            Layer::Residual(l) => vec![("layer".into(), &l.layer), ("shortcut".into(), &l.shortcut)],
            Layer::Parallel(l) => {
                let list = |(i, branch)| -> (String, &[Layer]) {
                    let branch: &Branch = branch;
                    (format!("branch.{}.layer", i + 1), &branch.layer)
                };
                l.branch.iter().enumerate().map(list).collect()
            }
            Layer::Sequence(Sequence { layer, .. }) | Layer::Repeat(Repeat { layer, .. }) => {
                vec![("layer".into(), layer)]
            }
            _ => Vec::new(),
        }
    }
}

/// The name of each layer of a list: its own, or its type and the number among those of that type: `conv1`, `relu1`,
/// `conv2`.
pub fn names(layers: &[Layer]) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(layers.len());
    for (i, layer) in layers.iter().enumerate() {
        let number = 1 + layers[..i].iter().filter(|before| before.stem() == layer.stem()).count();
        names.push(layer.name().map_or_else(|| format!("{}{number}", layer.stem()), str::to_owned));
    }
    names
}

/// All layers that hold no others, those within others too, in the order of the file.
pub fn leaves(layers: &[Layer]) -> Vec<&Layer> {
    let inside = |layer| match Layer::lists(layer).as_slice() {
        [] => vec![layer],
        lists => lists.iter().flat_map(|(_, list)| leaves(list)).collect(),
    };
    layers.iter().flat_map(inside).collect()
}

/// Replaces the names of layers (and branches) in a key by their numbers, from 1: `block1.layer.conv2.filters` becomes
/// `3.layer.4.filters`. Fails with a name that no layer of its list has, and the names that there are.
pub fn number(layers: &[Layer], key: &mut [String]) -> Result<(), (String, Vec<String>)> {
    let find = |part: &mut String, names: Vec<String>| {
        if part.parse::<usize>().is_err() {
            let Some(at) = names.iter().position(|name| name == part) else { return Err((part.clone(), names)) };
            *part = (at + 1).to_string();
        }
        Ok(part.parse::<usize>().ok().and_then(|number| number.checked_sub(1)))
    };
    let [part, rest @ ..] = key else { return Ok(()) };
    let Some(layer) = find(part, names(layers))?.and_then(|at| layers.get(at)) else { return Ok(()) };
    match (layer, rest) {
        (Layer::Parallel(l), [list, part, inner, rest @ ..]) if list == "branch" && inner == "layer" => {
            match find(part, l.names())?.and_then(|at| l.branch.get(at)) {
                Some(branch) => number(&branch.layer, rest),
                None => Ok(()),
            }
        }
        (_, [list, rest @ ..]) => match layer.lists().into_iter().find(|(key, _)| key == list) {
            Some((_, layers)) => number(layers, rest),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}
