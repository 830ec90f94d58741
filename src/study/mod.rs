//! Studies: the search for good settings of an experiment.
//!
//! A study tries points of a space, learns from their results, and prunes bad ones early.
//!
//! * [`space`]: what is searched; [`trial`]: a point, tried;
//! * [`sampler`]: at random, on a grid; [`tpe`]: near good points; [`pruner`]: when to stop a trial;
//! * [`journal`]: the file in which everything is recorded, and [`database`], made from it;
//!   [`run`](mod@run): workers, and why their number does not change the results;
//! * [`settings`]: the section of the experiment file; [`job`]: an experiment and its space;
//!   [`search`]: the study as a whole, from its trials to its best network, tested;
//! * [`importance`]: importance of the parameters; [`outcome`] and [`report`]: the results.
//!
//! Everything but [`job`], [`search`], [`outcome`] and [`report`] works on any objective, a function of a point:
//!
//! ```
//! use gradus::study::{Direction, Median, Prune, Space, Study, Tpe, Unseen, best};
//!
//! let space = r#"lr = { log = [1e-4, 1] }
//!                kind = { choice = ["good", "bad"] }"#;
//! let study = Study {
//!     name: "valley".into(),
//!     space: Space::read(&space.parse().unwrap())?,
//!     sampler: Box::new(Tpe::default()),
//!     pruner: Box::new(Median::default()),
//!     direction: Direction::Minimize,
//!     trials: 25,
//!     parallel: 2,
//!     seed: 1,
//!     own_seeds: true,
//! };
//! let folder = tempfile::tempdir().unwrap();
//! let trials = study.run(&folder.path().join("study.jsonl"), 2, None, &|trial, report| {
//!     let (kind, lr) = (trial.point[0].unwrap(), trial.point[1].unwrap());
//!     let value = (lr.log10() + 2.0).powi(2) + kind;
//!     for step in 1..=5 {
//!         if report(step, value + 1.0 / step as f64) == Prune::Yes {
//!             break;
//!         }
//!     }
//!     Ok(value)
//! }, &mut Unseen)?;
//! assert_eq!(trials.len(), 25);
//! assert!(best(&trials, Direction::Minimize).unwrap().value.unwrap() < 0.5);
//! # Ok::<(), gradus::Error>(())
//! ```

#[cfg(feature = "sqlite")]
pub mod database;
pub mod findings;
pub mod importance;
pub mod job;
pub mod journal;
pub mod outcome;
pub mod pruner;
pub mod report;
pub mod run;
pub mod sampler;
pub mod search;
pub mod settings;
pub mod space;
pub mod tpe;
pub mod trial;

pub use crate::train::Direction;
pub use journal::Journal;
pub use pruner::{Hyperband, Median, NoPruner, Pruner};
pub use run::{Objective, Overseer, Study, StudyEvent, Unseen};
pub use sampler::{Grid, Random, Sampler, Situation};
pub use settings::StudySettings;
pub use space::{Domain, Point, SearchedParam, Space};
pub use tpe::Tpe;
pub use trial::{Prune, State, Trial, best};
