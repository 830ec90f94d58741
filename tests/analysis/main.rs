//! Analysis and data: clusters, embeddings, features, and the readers of files.

mod augment;
mod classics;
mod common;
mod data;
mod fits;
mod hog;
mod images;
mod linear;
mod npz;
mod som;
mod table;
mod tsne;
