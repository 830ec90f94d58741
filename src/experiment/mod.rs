//! Experiments from a file: data, a network and a training, written down, run, and evaluated afterwards.
//!
//! A student writes (or takes from [`mod@builtin`]) a file; `gradus train` makes a run of it. The run keeps the file as it
//! was resolved, the weights, the numbers and a report, and predicts for other images later.
//!
//! * [`spec`]: what the file says, section by section; [`layers`]: the network's part of it;
//! * [`read`]: from the file to the types, and what is said of a mistake; `validate`: ranges, and loss against network;
//! * [`mod@builtin`]: the files of the courses;
//! * [`data`]: the section `[data]` and the kinds of data; [`known`]: what the file says of its data before they are read;
//!   [`load`]: reading them; [`preparation`]: from samples to what the network is given, [`encoding`] of a table's words and gaps, windows of a time [`series`]; [`prepared`]: all that is settled
//!   before training; [`cost`]: what it will take; [`job`]: the run;
//! * [`kind`], [`task`], [`kinds`]: what makes a kind of experiment, how it is run, and the table of all kinds: [`kinds::classify`],
//!   [`kinds::regress`], [`kinds::reconstruct`], [`kinds::linear`], [`kinds::svr`], [`kinds::forest`], [`kinds::som`]; [`at_once`]
//!   and [`fitted`]: models that are computed at once, and those of them that are no networks, [`explained`] what those found; [`found`] and [`report`]: what is common to what
//!   they found; [`cross_validation`]: the same of every row in turn, and [`folds`] what that found;
//!   [`each`]: the measure of each test sample; [`forecasts`]: a regression on a time series beside simpler forecasts;
//! * [`trained`]: asking a run afterwards, [`rows`]: about rows without a class; [`deploy`]: its network for other programs;
//!   [`compare`]: several runs side by side; [`beside`]: known networks in numbers;
//! * [`dream`]: the input that makes a network predict a target; [`latent`]: what is in the codes of an autoencoder.

pub mod at_once;
pub mod beside;
pub mod builtin;
mod choices;
pub mod compare;
pub mod cost;
pub mod cross_validation;
pub mod data;
mod define;
pub mod deploy;
pub mod dream;
pub mod each;
pub mod encoding;
pub mod explained;
pub mod findings;
pub mod fitted;
pub mod folds;
pub mod forecasts;
pub mod found;
pub mod functions;
pub mod job;
pub mod kind;
pub mod kinds;
pub mod known;
pub mod latent;
pub mod layers;
pub mod load;
pub mod map;
mod on_disk;
mod options;
pub mod preparation;

pub mod prepared;
pub mod read;
pub mod report;
mod room;
pub mod rows;
pub mod series;
pub mod spec;
pub mod task;
pub mod trained;
mod validate;
pub mod values;

pub use builtin::builtin;
pub use job::run;
pub use kind::{Kind, Learns};
pub use prepared::{Prepared, plan, plan_early};
pub use read::Source;
pub use spec::Experiment;
