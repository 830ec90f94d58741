//! Settings from files, `--set` and flags, for everything that is configured: the main job and experiments.
//!
//! * [`document`]: the text of a file and what was set upon it, and where each value was written;
//! * [`fault`]: from values to a type, and what is said of a value that the type refuses;
//! * [`schema`]: what a type takes, with its doc comments as explanations;
//! * [`listing`]: every key with its sort, default and explanation, to be read;
//! * [`table`]: values by path.
//!
//! ```
//! use gradus::settings::{Document, Schema};
//!
//! /// How a cake is baked.
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Cake {
//!     /// Minutes in the oven.
//!     minutes: usize,
//! }
//!
//! let mut document = Document::text("minutes = 50", "cake.toml", "`bake --init`")?;
//! let read = |document: &Document| document.read::<Cake>(document.values().clone(), Schema::of::<Cake>);
//! assert_eq!(read(&document)?.minutes, 50);
//! document.set::<Cake>(vec!["minutes".into()], "many")?;
//! let refused = read(&document).err().unwrap().to_string();
//! assert!(refused.starts_with("--set minutes: is \"many\""), "{refused}");
//! assert!(refused.contains("give a whole number, not negative. Minutes in the oven."), "{refused}");
//! # Ok::<(), gradus::Error>(())
//! ```

pub mod document;
pub mod fault;
pub mod listing;
pub mod schema;
pub mod table;

pub use document::{Document, Origin};
pub use fault::read;
pub use schema::Schema;
