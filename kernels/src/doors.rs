//! The kernels that are the same code for both number types, as methods of the type.
//!
//! A generic function is compiled again in every crate that calls it, and optimized as that crate is. Behind these methods
//! the kernels are compiled once for `f32` and once for `f64`, here: a program that is built in a hurry, for its tests say,
//! has fast kernels all the same, and is built sooner.

use crate::attention::Attention;
use crate::convolve::Convolution;
use crate::geometry::{GroupedConv2d, Pool2d};
use crate::kmeans::{Clusters, Samples};
use crate::mesh::Mesh;
use crate::norm::{Channels, NormGradients, Scales};
use crate::optim::{Adadelta, Adagrad, Adam, RmsProp, Sgd};
use crate::tsne::{Sparse, Sums};
use crate::upsample::Upsample2d;
use crate::{MatMut, MatRef, Scalar};
use crate::{
    attention, conv::grouped, distance, dropout, knn, layer_norm, noise, norm, optim, pool, reduce, som, tsne, upsample,
};

/// Writes the trait and its two implementations from a row for each kernel: what it does, the function, and the method with
/// its arguments.
macro_rules! doors {
    ($($(#[$about:meta])* $kernel:path = $name:ident$(<$life:lifetime>)?($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)?;)*) => {
        /// A number type with all its kernels: those of [`Scalar`], which differ between the types, and these, which do not.
        pub trait Kernels: Scalar {
            $($(#[$about])* fn $name$(<$life>)?($($arg: $type),*) $(-> $out)?;)*
        }
        doors! { @of f32: $($kernel = $name$(<$life>)?($($arg: $type),*) $(-> $out)?;)* }
        doors! { @of f64: $($kernel = $name$(<$life>)?($($arg: $type),*) $(-> $out)?;)* }
    };
    (@of $float:ty: $($kernel:path = $name:ident$(<$life:lifetime>)?($($arg:ident: $type:ty),*) $(-> $out:ty)?;)*) => {
        impl Kernels for $float {
            $(fn $name$(<$life>)?($($arg: $type),*) $(-> $out)? {
                $kernel($($arg),*)
            })*
        }
    };
}

doors! {
    /// See [`reduce::sum`].
    reduce::sum = sum(x: &[Self]) -> Self;
    /// See [`reduce::dot`].
    reduce::dot = dot(x: &[Self], y: &[Self]) -> Self;
    /// See [`reduce::sum_axis`].
    reduce::sum_axis = sum_axis(x: &[Self], outer: usize, n: usize, inner: usize, y: &mut [Self]);
    /// See [`reduce::sum_channels`].
    reduce::sum_channels = sum_channels(x: &[Self], n: usize, c: usize, hw: usize, y: &mut [Self]);
    /// See [`reduce::max_axis`].
    reduce::max_axis = max_axis(x: &[Self], outer: usize, n: usize, inner: usize, y: &mut [Self], index: &mut [u32]);

    /// See [`norm::moments`].
    norm::moments = moments(g: &Channels, x: &[Self], mean: &mut [Self], variance: &mut [Self]);
    /// See [`norm::batch_norm_forward`].
    norm::batch_norm_forward =
        batch_norm_forward(g: &Channels, x: &[Self], s: &Scales<'_, Self>, bias: &[Self], relu: bool, y: &mut [Self]);
    /// See [`norm::batch_norm_backward`].
    norm::batch_norm_backward = batch_norm_backward(
        g: &Channels, x: &[Self], dy: &[Self], s: &Scales<'_, Self>, own: bool, relu: Option<&[Self]>,
        out: NormGradients<'_, Self>,
    );

    /// See [`layer_norm::forward`].
    layer_norm::forward =
        layer_norm_forward(x: &[Self], w: &[Self], b: &[Self], eps: f64, y: &mut [Self], kept: &mut [Self]);
    /// See [`layer_norm::backward`].
    layer_norm::backward =
        layer_norm_backward(x: &[Self], kept: &[Self], w: &[Self], dy: &[Self], out: NormGradients<'_, Self>);

    /// See [`attention::forward`].
    attention::forward = attention_forward(g: &Attention, qkv: &[Self], y: &mut [Self], kept: &mut [Self]);
    /// See [`attention::maps`].
    attention::maps = attention_maps(g: &Attention, qkv: &[Self], p: &mut [Self]);
    /// See [`attention::scores_backward`].
    attention::scores_backward = attention_scores_backward(g: &Attention, p: &[Self], dp: &mut [Self]);
    /// See [`attention::backward`].
    attention::backward = attention_backward(g: &Attention, qkv: &[Self], kept: &[Self], dy: &[Self], dqkv: &mut [Self]);

    /// See [`avg_pool2d_forward`](crate::avg_pool2d_forward).
    pool::avg_forward = avg_pool2d_forward(g: &Pool2d, x: &[Self], y: &mut [Self]);
    /// See [`avg_pool2d_backward`](crate::avg_pool2d_backward).
    pool::avg_backward = avg_pool2d_backward(g: &Pool2d, dy: &[Self], dx: &mut [Self]);
    /// See [`upsample::forward`].
    upsample::forward = upsample_forward(g: &Upsample2d, x: &[Self], y: &mut [Self]);
    /// See [`upsample::backward`].
    upsample::backward = upsample_backward(g: &Upsample2d, dy: &[Self], dx: &mut [Self]);
    /// See [`grouped::conv2d_forward`](crate::grouped::conv2d_forward).
    grouped::conv2d_forward =
        grouped_conv2d_forward(g: &GroupedConv2d, x: &[Self], w: &[Self], bias: Option<&[Self]>, y: &mut [Self]);
    /// See [`grouped::conv2d_backward_data`](crate::grouped::conv2d_backward_data).
    grouped::conv2d_backward_data =
        grouped_conv2d_backward_data(g: &GroupedConv2d, dy: &[Self], w: &[Self], dx: &mut [Self]);
    /// See [`grouped::conv2d_backward_weights`](crate::grouped::conv2d_backward_weights).
    grouped::conv2d_backward_weights =
        grouped_conv2d_backward_weights(g: &GroupedConv2d, x: &[Self], dy: &[Self], dw: &mut [Self]);
    /// See [`grouped::conv_transpose2d_forward`](crate::grouped::conv_transpose2d_forward).
    grouped::conv_transpose2d_forward =
        grouped_conv_transpose2d_forward(g: &GroupedConv2d, x: &[Self], w: &[Self], bias: Option<&[Self]>, y: &mut [Self]);

    /// See [`dropout::dropout`].
    dropout::dropout = dropout(key: u64, p: f64, x: &[Self], y: &mut [Self]);
    /// See [`noise::normals`].
    noise::normals = normals(key: u64, y: &mut [Self]);

    /// See [`optim::sgd`].
    optim::sgd = sgd(h: &Sgd, p: &mut [Self], g: &[Self], velocity: &mut [Self]);
    /// See [`optim::adam`].
    optim::adam =
        adam(h: &Adam, p: &mut [Self], g: &[Self], m: &mut [Self], v: &mut [Self], largest: &mut [Self]);
    /// See [`optim::rmsprop`].
    optim::rmsprop = rmsprop(
        h: &RmsProp, p: &mut [Self], g: &[Self], square: &mut [Self], mean: &mut [Self], velocity: &mut [Self],
    );
    /// See [`optim::adagrad`].
    optim::adagrad = adagrad(h: &Adagrad, p: &mut [Self], g: &[Self], sum: &mut [Self]);
    /// See [`optim::adadelta`].
    optim::adadelta = adadelta(h: &Adadelta, p: &mut [Self], g: &[Self], square: &mut [Self], moved: &mut [Self]);

    /// See [`distance::squared_distances`].
    distance::squared_distances = squared_distances(x: MatRef<'_, Self>, y: MatRef<'_, Self>, d: MatMut<'_, Self>);
    /// See [`knn::knn`].
    knn::knn = knn(x: MatRef<'_, Self>, k: usize, index: &mut [u32], distance: &mut [Self]);
    /// See [`Samples::new`].
    Samples::new = kmeans_samples<'a>(x: MatRef<'a, Self>, transposed: &'a mut [Self]) -> Samples<'a, Self>;
    /// See [`Clusters::assign`].
    Clusters::assign = kmeans_assign(clusters: &mut Clusters<'_, Self>, centroids: &[Self]) -> usize;
    /// See [`Clusters::inertia`].
    Clusters::inertia = kmeans_inertia(clusters: &Clusters<'_, Self>) -> f64;
    /// See [`som::step`].
    som::step = som_step(units: &mut [Self], gains: &[Self], x: &[Self], next: &[Self], squared: &mut [Self]);

    /// See [`tsne::all_pairs`], in the plane.
    tsne::all_pairs = tsne_pairs_2d(p: &[Self], axes: [&[Self]; 2], out: &mut [Sums<Self, 2>]);
    /// See [`tsne::all_pairs`], in space.
    tsne::all_pairs = tsne_pairs_3d(p: &[Self], axes: [&[Self]; 3], out: &mut [Sums<Self, 3>]);
    /// See [`tsne::on_mesh`].
    tsne::on_mesh = tsne_on_mesh(
        p: Sparse<'_, Self>, y: &[[Self; 2]], mesh: &Mesh<Self>, potential: &[Self], out: &mut [Sums<Self, 2>],
    );
    /// See [`Mesh::spread`].
    Mesh::spread = mesh_spread(mesh: &Mesh<Self>, points: &[[Self; 2]], out: &mut [Self], room: &mut Vec<Self>);
    /// See [`Convolution::new`].
    Convolution::new = convolution(
        size: usize, kernel: &dyn Fn(usize, usize) -> f64, filter: &dyn Fn(f64) -> f64,
    ) -> Convolution<Self>;
    /// See [`Convolution::apply`].
    Convolution::apply = convolve(convolution: &mut Convolution<Self>, image: &mut [Self]);
}
