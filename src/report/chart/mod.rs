//! Charts, as SVG and PNG.
//!
//! Each kind of chart is a small builder in a file of its own; `draw()` returns a [`Figure`].
//! Common rules: legends stand above the data, never on it; every text is measured with the embedded font before it is
//! placed, so nothing overlaps or is cut off; a class has the same colour and shape in every figure; equal input gives
//! equal bytes.

mod axes;
mod bars;
mod canvas;
mod contour;
mod curves;
mod figure;
mod graph;
mod heat;
mod histogram;
mod images;
mod intervals;
mod latent;
mod lines;
mod palette;
mod parallel;
mod render;
mod scatter;
mod shape;
mod slices;
mod stages;
mod surface;
mod unit_map;
mod unit_net;

pub use axes::number;
pub use bars::{BarChart, GroupedBars};
pub use contour::Contour;
pub use curves::{Curves, Look};
pub use figure::Figure;
pub(crate) use figure::{dark_theme, font_face};
pub use graph::{Graph, NodeKind};
pub use heat::{Confusion, HeatMap};
pub use histogram::Histograms;
pub use images::{ImageGrid, Tile, filters};
pub use intervals::{Interval, Intervals};
pub use latent::{ImagePlane, ImageStrips};
pub use lines::LineChart;
pub use palette::{Colour, ColourMap};
pub use parallel::{Dimension, ParallelCoordinates, Scale};
pub use scatter::Scatter;
pub use slices::Slices;
pub use stages::StageChart;
pub use surface::Surface;
pub use unit_map::UnitMap;
pub use unit_net::UnitNet;
