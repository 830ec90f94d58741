//! Every variant of every kernel against the reference or a plain loop: at each instruction set this machine has, on
//! several thread counts, at lengths around the vectors and tiles, with NaN and infinity in the data.

mod accuracy;
mod attention;
mod chain;
mod common;
mod conv;
mod distance;
mod doors;
mod dropout;
mod gemm;
mod grouped;
mod kmeans;
mod knn;
mod layer_norm;
mod math;
mod noise;
mod norm;
mod optim;
mod pool;
mod pooled;
mod reduce;
mod rows;
mod som;
mod tsne;
mod upsample;
