//! The kinds of experiments: a folder for each, and a row in the table.

pub mod classify;
pub mod forest;
pub mod linear;
pub mod reconstruct;
pub mod regress;
pub mod som;
pub mod svr;

use super::kind::Kind;
use super::task::Runner;
use crate::train::Loss;
use classify::Classify;
use linear::LinearFit;
use reconstruct::Reconstruct;
use regress::Regress;
use som::SelfOrganizingMap;

/// All kinds; a file that names none is of the first whose losses hold its own.
pub static ALL: [&dyn Runner; 7] =
    [&Classify, &Regress, &Reconstruct, &LinearFit, &svr::RUNNER, &forest::RUNNER, &SelfOrganizingMap];

/// Returns how experiments of this kind are run.
pub fn runner(kind: &Kind) -> &'static dyn Runner {
    *ALL.iter().find(|runner| runner.kind() == kind).expect("every kind is in the table")
}

/// Returns the kind of this name.
pub fn named(name: &str) -> Option<&'static Kind> {
    ALL.iter().map(|runner| runner.kind()).find(|kind| kind.name == name)
}

/// Returns the names of all kinds.
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|runner| runner.kind().name).collect()
}

/// Returns the kind of a file that names none: what its loss is for, `mse` being for classes.
pub fn of_loss(loss: Loss) -> &'static Kind {
    let mut all = ALL.iter().map(|runner| runner.kind());
    all.find(|kind| kind.losses.contains(&loss)).unwrap_or(Classify.kind())
}
