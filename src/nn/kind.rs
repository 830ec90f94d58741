//! What a layer says of itself beside what it computes: words, reach, multiply-adds.

use std::borrow::Cow;
use std::fmt;

/// What a module is to whoever looks at a network from outside: a container of other modules, or a layer with its
/// [`Properties`].
///
/// ```
/// use gradus::prelude::*;
/// let pool: &dyn Module = &MaxPool2d(Window::square(2));
/// assert_eq!(pool.kind().to_string(), "max-pool 2x2");
/// assert_eq!(Kind::Container.to_string(), "container");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Made of other modules, which are captured and counted by themselves.
    Container,
    /// A layer that computes by itself.
    Layer(Properties),
}

/// All that is to be said of a layer but its weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Properties {
    /// What it is, as a summary has it: `conv 3x3`.
    pub words: Cow<'static, str>,
    /// Which positions of the input an output depends on.
    pub reach: Reach,
    /// How it counts among the multiply-adds.
    pub work: Work,
    /// Whether in training the output for a sample depends on the other samples of its batch.
    pub over_batch: bool,
}

/// Which of its input's positions an output of a layer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The same position alone.
    Point,
    /// A window around it.
    Window {
        /// Height and width.
        kernel: [usize; 2],
        /// Vertical and horizontal step.
        stride: [usize; 2],
        /// Distance between taps.
        dilation: [usize; 2],
    },
    /// Others: positions are mixed, or maps grow.
    Mixed,
}

/// The multiply-adds of a layer, counted for convolutions and fully connected layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Negligible beside those.
    Negligible,
    /// This many for each number of the output: C/groups · KH · KW of a convolution.
    PerOutput(usize),
    /// This many for each number of the input: O/groups · KH · KW of a transposed convolution, each of whose pixels meets
    /// all taps of its filters.
    PerInput(usize),
    /// This many for each sample, whatever its size.
    PerSample(usize),
}

impl Kind {
    /// Returns the kind of an elementwise layer, of which no multiply-adds are counted.
    pub fn layer(words: impl Into<Cow<'static, str>>) -> Self {
        let (reach, work) = (Reach::Point, Work::Negligible);
        Kind::Layer(Properties { words: words.into(), reach, work, over_batch: false })
    }

    /// Returns the kind of a layer whose outputs depend on these positions.
    pub fn reaching(words: impl Into<Cow<'static, str>>, reach: Reach) -> Self {
        Self::layer(words).with(|properties| properties.reach = reach)
    }

    /// Returns the same with these multiply-adds.
    pub fn working(self, work: Work) -> Self {
        self.with(|properties| properties.work = work)
    }

    /// Returns the same of a layer that in training mixes the samples of a batch.
    pub fn over_batch(self) -> Self {
        self.with(|properties| properties.over_batch = true)
    }

    fn with(mut self, change: impl FnOnce(&mut Properties)) -> Self {
        if let Kind::Layer(properties) = &mut self {
            change(properties);
        }
        self
    }

    /// Returns the properties of a layer, and none of a container.
    pub fn properties(&self) -> Option<&Properties> {
        match self {
            Kind::Container => None,
            Kind::Layer(properties) => Some(properties),
        }
    }
}

impl Work {
    /// Returns the multiply-adds for one sample, from one of the shape `read` to one of the shape `output`.
    pub fn macs(self, read: &[usize], output: &[usize]) -> usize {
        match self {
            Work::Negligible => 0,
            Work::PerOutput(each) => each * output.iter().product::<usize>(),
            Work::PerInput(each) => each * read.iter().product::<usize>(),
            Work::PerSample(all) => all,
        }
    }
}

/// The kind in words: `conv 3x3`, `max-pool 2x2`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.properties().map_or("container", |properties| &properties.words))
    }
}
