//! The workloads by name.

use super::measure::{Bench, Row};
use super::nets::{self, Net};
use super::{attention, clusters, embeddings, maps, minimizing, process, products};
use crate::error::{Error, Result};
use crate::text::guess::nearest;

/// A workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// A training step.
    Train(Net),
    /// A forward pass.
    Infer(Net),
    /// Attention, forward and backward.
    Attention,
    /// A minimization by L-BFGS.
    Minimizing,
    /// A whole process.
    Process,
    /// A matrix product: M, K, N.
    Product([usize; 3]),
    /// K-means on this data set.
    Clusters(&'static clusters::Clusters),
    /// A self-organizing map of this data set.
    Mapping(&'static maps::Mapping),
    /// A t-SNE embedding.
    Embedding(&'static embeddings::Embedding),
}

impl Workload {
    /// Returns all of them, in the order in which they are printed.
    pub fn all() -> Vec<Self> {
        let nets = [Net::P1, Net::P2, Net::P3, Net::P4, Net::P4w, Net::P5, Net::P6]
            .into_iter()
            .flat_map(|net| [Self::Train(net), Self::Infer(net)]);
        nets.chain([Net::CifarFast, Net::P7, Net::P8a, Net::P8b, Net::P8c].map(Self::Train))
            .chain([Self::Attention, Self::Minimizing, Self::Process])
            .chain(products::SHAPES.map(Self::Product))
            .chain(clusters::ALL.iter().map(Self::Clusters))
            .chain(maps::ALL.iter().map(Self::Mapping))
            .chain(embeddings::ALL.iter().map(Self::Embedding))
            .collect()
    }

    /// Returns its name in arguments and reports.
    pub fn name(self) -> String {
        match self {
            Self::Train(net) => nets::train_name(net),
            Self::Infer(net) => nets::infer_name(net),
            Self::Attention => attention::NAME.into(),
            Self::Minimizing => minimizing::NAME.into(),
            Self::Process => process::NAME.into(),
            Self::Product(shape) => products::name(shape),
            Self::Clusters(clusters) => clusters.name.into(),
            Self::Mapping(mapping) => mapping.name.into(),
            Self::Embedding(embedding) => embedding.name.into(),
        }
    }

    /// Selects those whose name is one of `names` or begins with it; all, if there are no names. Fails on a name that
    /// fits none, and suggests the nearest one.
    pub fn select(names: &[String]) -> Result<Vec<Self>> {
        let all = Self::all();
        for name in names {
            if !all.iter().any(|w| w.name().starts_with(name.as_str())) {
                let known: Vec<String> = all.iter().map(|w| w.name()).collect();
                let guess =
                    nearest(name, known.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`? "));
                let help = format!("{}`gradus bench --list` shows all names", guess.unwrap_or_default());
                return Err(Error::config("bench", format!("there is no workload `{name}`"), help));
            }
        }
        let chosen = |w: &Self| names.is_empty() || names.iter().any(|name| w.name().starts_with(name.as_str()));
        Ok(all.into_iter().filter(chosen).collect())
    }

    /// Measures it.
    pub fn run(self, bench: &Bench) -> Result<Row> {
        match self {
            Self::Train(net) => nets::train(net, bench),
            Self::Infer(net) => nets::infer(net, bench),
            Self::Attention => attention::run(bench),
            Self::Minimizing => minimizing::run(bench),
            Self::Process => process::run(bench),
            Self::Product(shape) => products::run(shape, bench),
            Self::Clusters(clusters) => clusters.run(bench),
            Self::Mapping(mapping) => mapping.run(bench),
            Self::Embedding(embedding) => embedding.run(bench),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        Workload::select(&names).unwrap().into_iter().map(Workload::name).collect()
    }

    #[test]
    fn names_and_their_beginnings_select() {
        assert_eq!(named(&["P8", "P1 t"]), ["P1 train", "P8a train", "P8b train", "P8c train"]);
        assert_eq!(named(&["G 1"]), ["G 1024x1024x1024", "G 128x1152x1024", "G 16x9x16384"]);
        assert_eq!(named(&["K2", "process", "P3 infer"]), ["P3 infer", "process", "K2"]);
        assert_eq!(named(&[]).len(), 38);
        let error = Workload::select(&["P1 trian".into()]).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains("did you mean `P1 train`"), "{error}");
        assert!(!Workload::select(&["speed".into()]).unwrap_err().to_string().contains("did you mean"));
    }

    #[test]
    fn figure_1_has_the_known_arithmetic() {
        let net = Net::P1.build(&mut crate::rng::Rng::new(0, "test", 0)).unwrap();
        let [_, step] = nets::operations(&net, Net::P1.input(), 32).unwrap();
        assert!((step / 1e9 - 11.375).abs() < 0.001, "{step}");
    }
}
