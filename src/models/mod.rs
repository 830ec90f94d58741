//! Architectures, one a file.

pub mod cifar_fast;
pub mod cnn;
pub mod mlp;
pub mod resnet;
pub mod vit;
