//! Residual networks (He, Zhang, Ren and Sun 2016, *Deep residual learning for image recognition*).

use crate::autograd::Var;
use crate::error::{Error, Result};
use crate::nn::{
    Activation, BatchNorm2d, Conv2d, Ctx, GlobalAvgPool2d, Init, Kind, Linear, MaxPool2d, Module, Residual, Sequential,
    Walk, ZeroPadShortcut,
};
use crate::ops::{self, Padding, Window};
use crate::real::Real;
use crate::rng::Rng;

/// How the network begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stem {
    /// For images of about 32 x 32: a convolution 3 x 3, which keeps their size.
    Cifar,
    /// For images of about 224 x 224: a convolution 7 x 7 with stride 2, and max-pooling 3 x 3 with stride 2.
    ImageNet,
}

/// What takes the input of a block around it where the block changes the shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// Option A of the paper: every second pixel, and zeros for the new channels; no weights. See [`ZeroPadShortcut`].
    ZeroPad,
    /// Option B: a convolution 1 x 1 with the block's stride, and batch normalization.
    Projection,
}

/// A residual network of basic blocks: its settings, which [`build`](Self::build) turns into a network.
///
/// A stage is a number of blocks of one width w; the first block of each stage but the first halves height and width. A
/// basic block is
///
/// ```text
/// y = max(bn₂(conv₂(max(bn₁(conv₁(x)), 0))) + s(x), 0),     conv: 3 x 3 without bias, padding 1
/// ```
///
/// and s(x) = x, or the [`Shortcut`] where the shape changes. Before the stages stands the [`Stem`], after them the mean of
/// each plane and a fully connected layer: `[N, C, H, W]` to logits `[N, classes]`. The number in a name such as ResNet-18
/// counts the convolutions of stem and blocks and the fully connected layer, and not the convolutions of shortcuts.
///
/// Parameters and buffers have torchvision's names and shapes: `conv1`, `bn1`, `layer1.0.conv1`, .., `layer2.0.downsample.0`,
/// `fc`. (PyTorch's counter `num_batches_tracked` has no place here: it serves no computation with a fixed momentum.)
///
/// ```
/// use gradus::models::resnet::{ResNet, Stem};
/// use gradus::prelude::*;
/// let net: Sequential = ResNet::resnet18(Stem::Cifar, 10).build(&mut Rng::new(1, "init", 0))?;
/// assert_eq!(count_parameters(&net), 11_173_962);
/// let small: Sequential = ResNet::cifar(20, 10)?.build(&mut Rng::new(1, "init", 0))?;
/// let images = Var::constant(Tensor::zeros([2, 3, 32, 32]));
/// assert_eq!(small.forward(&images, &mut Ctx::eval())?.shape(), [2, 10]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ResNet {
    /// Channels of the input.
    pub channels: usize,
    /// The stem.
    pub stem: Stem,
    /// Output channels of the stages.
    pub widths: Vec<usize>,
    /// Blocks of each stage.
    pub blocks: Vec<usize>,
    /// The shortcut where the shape changes.
    pub shortcut: Shortcut,
    /// Drop probability of the last block; block l of L has l/L times it, the linear rule of Huang et al. (2016). 0: none.
    pub drop: f64,
    /// Number of classes.
    pub classes: usize,
}

impl ResNet {
    /// Returns ResNet-18: four stages of two blocks with 64, 128, 256, 512 channels, projections. With the stem for
    /// ImageNet and 1000 classes 11,689,512 parameters; with that for CIFAR and 10 classes 11,173,962.
    pub fn resnet18(stem: Stem, classes: usize) -> Self {
        let (widths, blocks) = (vec![64, 128, 256, 512], vec![2; 4]);
        Self { channels: 3, stem, widths, blocks, shortcut: Shortcut::Projection, drop: 0.0, classes }
    }

    /// Returns the network for CIFAR of section 4.2 of the paper: three stages of n blocks with 16, 32, 64 channels,
    /// shortcuts without weights; its depth is 6n + 2. With 10 classes ResNet-20 has 269,722 parameters, ResNet-32 464,154,
    /// ResNet-44 658,586 and ResNet-56 853,018. Fails for a depth that is not 6n + 2, n = 1, 2, ..
    pub fn cifar(depth: usize, classes: usize) -> Result<Self> {
        if depth < 8 || depth % 6 != 2 {
            return Err(Error::invalid(format!("resnet: expected a depth of 6n + 2 (8, 14, 20, ..); found {depth}")));
        }
        let (widths, blocks) = (vec![16, 32, 64], vec![(depth - 2) / 6; 3]);
        Ok(Self { channels: 3, stem: Stem::Cifar, widths, blocks, shortcut: Shortcut::ZeroPad, drop: 0.0, classes })
    }

    /// Builds the network and draws its weights: filters by He et al. (2015), the fully connected layer as PyTorch does.
    /// Fails if there is no stage, if there are not as many widths as numbers of blocks, if a size is 0, if the drop
    /// probability is not in [0, 1), or if a [`Shortcut::ZeroPad`] would have to remove channels.
    pub fn build<T: Real>(&self, rng: &mut Rng) -> Result<Sequential<T>> {
        self.check()?;
        let mut net = match self.stem {
            Stem::Cifar => Sequential::new().with("conv1", conv(self.channels, self.widths[0], 3, 1, rng)),
            Stem::ImageNet => Sequential::new().with("conv1", conv(self.channels, self.widths[0], 7, 2, rng)),
        };
        net = net.with("bn1", BatchNorm2d::new(self.widths[0])).with("relu", Activation::Relu);
        if self.stem == Stem::ImageNet {
            let window = Window { kernel: [3, 3], stride: [2, 2], padding: [1, 1] };
            net = net.with("maxpool", MaxPool2d(window));
        }
        let (count, mut number, mut channels) = (self.blocks.iter().sum::<usize>(), 0, self.widths[0]);
        for (at, (&width, &blocks)) in self.widths.iter().zip(&self.blocks).enumerate() {
            let mut stage = Sequential::new();
            for block in 0..blocks {
                number += 1;
                let drop = self.drop * number as f64 / count as f64;
                let stride = if at > 0 && block == 0 { 2 } else { 1 };
                stage = stage.with(block.to_string(), self.block(channels, width, stride, drop, rng)?);
                channels = width;
            }
            net = net.with(format!("layer{}", at + 1), stage);
        }
        let out = Linear::new(channels, self.classes, Init::PyTorch, rng);
        Ok(net.with("avgpool", GlobalAvgPool2d).with("fc", out))
    }

    fn check(&self) -> Result<()> {
        let refuse = |what: String| Err(Error::invalid(format!("resnet: {what}")));
        if self.widths.is_empty() || self.widths.len() != self.blocks.len() {
            let (widths, blocks) = (self.widths.len(), self.blocks.len());
            return refuse(format!(
                "expected a width and a number of blocks for each stage; found {widths} and {blocks}"
            ));
        }
        let sizes = [self.channels, self.classes];
        if sizes.iter().chain(&self.widths).chain(&self.blocks).any(|&size| size == 0) {
            return refuse("expected channels, widths, blocks and classes above 0".into());
        }
        if self.shortcut == Shortcut::ZeroPad && self.widths.windows(2).any(|pair| pair[1] < pair[0]) {
            return refuse(format!(
                "zero padding cannot remove channels: expected growing widths; found {:?}",
                self.widths
            ));
        }
        Ok(())
    }

    /// A basic block.
    fn block<T: Real>(
        &self,
        inputs: usize,
        width: usize,
        stride: usize,
        drop: f64,
        rng: &mut Rng,
    ) -> Result<BasicBlock<T>> {
        let branch = Sequential::new()
            .with("conv1", conv(inputs, width, 3, stride, rng))
            .with("bn1", BatchNorm2d::new(width))
            .with("relu1", Activation::Relu)
            .with("conv2", conv(width, width, 3, 1, rng))
            .with("bn2", BatchNorm2d::new(width));
        let residual = Residual::new(branch).with_drop(drop)?;
        if stride == 1 && inputs == width {
            return Ok(BasicBlock(residual));
        }
        let shortcut = match self.shortcut {
            Shortcut::ZeroPad => {
                Sequential::new().with("pad", ZeroPadShortcut { channels: width, stride: [stride; 2] })
            }
            Shortcut::Projection => {
                Sequential::new().with("0", conv(inputs, width, 1, stride, rng)).with("1", BatchNorm2d::new(width))
            }
        };
        Ok(BasicBlock(residual.with_shortcut_called("downsample", shortcut)))
    }
}

/// A convolution without a bias that keeps the size of an image, but for its stride.
fn conv<T: Real>(inputs: usize, outputs: usize, kernel: usize, stride: usize, rng: &mut Rng) -> Conv2d<T> {
    let padding = Padding::Fixed([kernel / 2; 2]);
    let settings = ops::Conv2d { stride: [stride; 2], padding, ..Default::default() };
    Conv2d::new(inputs, outputs, [kernel; 2], settings, Init::HeNormal, rng).without_bias()
}

/// A residual block and ReLU after its sum: `conv1`, `bn1`, `relu1`, `conv2`, `bn2`, `downsample`, `sum`, `relu2`.
struct BasicBlock<T: Real>(Residual<T>);

impl<T: Real> Module<T> for BasicBlock<T> {
    fn forward(&self, x: &Var<T>, cx: &mut Ctx<'_, T>) -> Result<Var<T>> {
        let y = self.0.forward(x, cx)?;
        cx.call("relu2", &Activation::Relu, &y)
    }

    fn walk(&self, walk: &mut Walk<'_, T>) {
        self.0.walk(walk);
    }

    fn kind(&self) -> Kind {
        Kind::Container
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::summary::summarize;
    use crate::nn::{buffers, count_parameters, parameters};

    fn build(net: &ResNet) -> Result<Sequential> {
        net.build(&mut Rng::new(0, "init", 0))
    }

    /// The table of section 4.2: 0.27, 0.46, 0.66 and 0.85 million parameters.
    #[test]
    fn the_networks_for_cifar_have_the_papers_parameters() {
        for (depth, parameters, millions) in
            [(20, 269_722, "0.27"), (32, 464_154, "0.46"), (44, 658_586, "0.66"), (56, 853_018, "0.85")]
        {
            let counted = count_parameters(&build(&ResNet::cifar(depth, 10).unwrap()).unwrap());
            assert_eq!((counted, format!("{:.2}", counted as f64 / 1e6).as_str()), (parameters, millions), "{depth}");
        }
        for depth in [0, 2, 18, 21] {
            assert!(ResNet::cifar(depth, 10).is_err(), "{depth}");
        }
    }

    /// The names and shapes of torchvision's `resnet18`, which tests/golden/make_resnet.py wrote down.
    #[test]
    fn resnet18_has_torchvisions_names_and_shapes() {
        let net = build(&ResNet::resnet18(Stem::ImageNet, 1000)).unwrap();
        let line = |name: &str, shape: &[usize]| format!("{name} {shape:?}");
        let of_params = parameters(&net).into_iter().map(|(name, p)| line(&name, p.get().shape()));
        let of_buffers = buffers(&net).into_iter().map(|(name, b)| line(&name, b.get().shape()));
        let mut found: Vec<String> = of_params.chain(of_buffers).collect();
        let mut expected: Vec<&str> = include_str!("../../tests/golden/resnet18.txt").lines().collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        assert_eq!(count_parameters(&net), 11_689_512);
    }

    #[test]
    fn stages_halve_the_image_and_their_multiply_adds_are_known() {
        let net = build(&ResNet::resnet18(Stem::ImageNet, 1000)).unwrap();
        let summary = summarize(&net, &[3, 224, 224]).unwrap();
        // torchvision states 1.81 billion.
        assert_eq!(summary.macs, 1_814_073_344);
        let row = |path: &str| summary.rows.iter().find(|row| row.path == path).unwrap();
        assert_eq!(row("layer1.1.relu2").output, [64, 56, 56]);
        assert_eq!(row("layer4.1.relu2").output, [512, 7, 7]);
        assert_eq!(row("layer4.1.relu2").receptive_field, Some([435, 435]));
        assert_eq!(row("layer2.0.downsample.0").receptive_field, Some([43, 43]));

        let small = build(&ResNet::cifar(20, 10).unwrap()).unwrap();
        let summary = summarize(&small, &[3, 32, 32]).unwrap();
        let row = |path: &str| summary.rows.iter().find(|row| row.path == path).unwrap();
        assert_eq!((&row("layer3.2.relu2").output[..], summary.macs), (&[64, 8, 8][..], 40_551_040));
        // 3, then 6 convolutions of stage 1, 6 of stage 2 (one before its stride shows), and so on.
        assert_eq!(row("layer1.2.sum").receptive_field, Some([15, 15]));
        assert_eq!(row("layer2.0.downsample.pad").receptive_field, Some([15, 15]));
        assert_eq!(row("layer2.0.sum").receptive_field, Some([21, 21]));
    }

    /// Block l of L is skipped with probability l/L times that of the last; evaluation is the network without.
    #[test]
    fn stochastic_depth_grows_with_depth() {
        let net = ResNet { drop: 0.4, ..ResNet::cifar(8, 10).unwrap() };
        let x = Var::constant(crate::tensor::Tensor::randn([1, 3, 8, 8], &mut Rng::new(1, "images", 0)));
        let plain = build(&ResNet::cifar(8, 10).unwrap()).unwrap();
        let eval = |net: &Sequential| net.forward(&x, &mut Ctx::eval()).unwrap().into_value();
        assert_eq!(eval(&build(&net).unwrap()), eval(&plain));
        assert!(build(&ResNet { drop: 1.0, ..net }).is_err());
    }

    #[test]
    fn what_cannot_be_built_is_refused() {
        let fine = ResNet::cifar(8, 10).unwrap();
        for (wrong, words) in [
            (ResNet { widths: vec![], blocks: vec![], ..fine.clone() }, "found 0 and 0"),
            (ResNet { blocks: vec![1, 1], ..fine.clone() }, "found 3 and 2"),
            (ResNet { blocks: vec![1, 0, 1], ..fine.clone() }, "above 0"),
            (ResNet { classes: 0, ..fine.clone() }, "above 0"),
            (ResNet { widths: vec![16, 8, 32], ..fine.clone() }, "growing widths"),
        ] {
            let said = build(&wrong).err().expect("refused").to_string();
            assert!(said.contains(words), "{said}");
        }
        assert!(build(&ResNet { widths: vec![16, 8, 32], shortcut: Shortcut::Projection, ..fine }).is_ok());
    }
}
