//! Reads data sets from files.
//!
//! A folder of images becomes three sets of numbers: training, validation and test. The decisions on which an honest
//! result depends are made here, each in a file of its own:
//!
//! * [`folder`]: which file is an image of which class, and which files are skipped or refused;
//! * [`split`]: which samples are trained on and which are tested on: stratified by class, a patient's images together;
//! * `categories`: which words of a table are categories: those of training rows;
//!
//! [`galaxies`], [`digits`] and [`moons`] render data sets where none is available, and [`function`] draws samples of a
//! formula; [`mnist`] and [`cifar`] read the usual sets, which [`public`] lists and [`fetch`] gets; [`table`] and [`npz`] read rows of
//! numbers and NumPy's files; [`series`] cuts a column of a table into windows.
//! [`handwriting`] converts images of digits to MNIST's form, and [`seen`] shows the input of a network. [`dataset`]
//! holds the result, [`manifest`] the list of its samples, by which it is recognized. Nothing here computes features or
//! depends on networks.

mod categories;
pub mod cifar;
mod clutter;
pub mod dataset;
mod decode;
pub mod digits;
pub mod fetch;
pub mod folder;
pub mod function;
pub mod galaxies;
pub mod handwriting;
pub mod idx;
mod jpeg;
mod layout;
pub mod manifest;
pub mod mnist;
pub mod moons;
pub mod npz;
pub mod public;
pub mod seen;
pub mod series;
mod source;
pub mod split;
pub mod table;
pub mod train_test;

pub use categories::Unknown;
pub use dataset::{Columns, ImageData, Images, Leak, LeakKind, Missing, Skipped};
pub use decode::Color;
pub use digits::Digits;
pub use folder::{Folder, FolderOptions, image_from_bytes, load, load_all, read_image};
pub use function::{Formula, Function, Spacing};
pub use galaxies::Galaxies;
pub use handwriting::{Like, Reader};
pub use idx::Idx;
pub use manifest::Manifest;
pub use moons::Moons;
pub use npz::{Npz, NpzOptions};
pub use public::PublicSet;
pub use seen::Border;
pub use series::{Series, Windows};
pub use split::Split;
pub use table::{Column, Table, TableOptions};
pub use train_test::TrainTest;
