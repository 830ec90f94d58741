//! Figures and the one-file HTML report.
//!
//! It takes plain slices and knows nothing of the contents, so the pipeline and the lessons share it.
//!
//! ```text
//! every chart: X::new(..).what_it_shows(..).draw() -> Figure { svg, width, height, alt }, with a dark version
//! Figure        .with_alt(&str)  .png() -> Result<Vec<u8>>  .svg_with_font()  .save(&Path, name): name.svg, name.png
//!
//! LineChart     new(title)  .axes(x, y)  .epochs(name, &[f64])  .series(name, &[(f64, f64)])
//!               .styled(name, &[(f64, f64)], Colour, dashed)  .marker(x, words)  .log_x()  .log_y()  .y_range(lo, hi)
//!               .size(w, h)
//! BarChart      new(title)  .bar(name, value, Option<(lo, hi)>)  .coloured(name, value, interval, Colour)
//!               .line(value, name)  .percent()  .range(lo, hi)  .axis(title)  .width(w)
//! GroupedBars   new(title, &groups)  .series(name, &[f64])  .axis(title)  .range(lo, hi)
//! Histograms    new(title, &classes)  .panel(name, &values, &labels)  .axes(y)  .bins(n)  .columns(n)  .draw_panels()
//! Confusion     new(title, &classes, &counts[true class][prediction])  .fractions()
//! HeatMap       new(title, &rows, &columns, &values)  .sides(rows, columns)  .map(ColourMap)  .range(lo, hi)
//! Scatter       new(title, &classes)  .panel(name, &[(f64, f64)], &labels)  .stars(&[(f64, f64)])  .axes(x, y)
//!               .dimensions(x, y)  .looks(&[usize])  .columns(n)  .draw_panels()
//! ImageGrid     new(title)  .group(heading, Vec<Tile>)  .columns(n)  .tile_size(w)  .smooth()
//! Tile          new(RgbImage)  plane(&[f32], w, h, ColourMap, Option<range>)  chw(&[f32], channels, h, w)
//!               .caption(line)  .border(Colour)
//! filters       (&weights, shape) -> (ImageGrid, caption)
//! StageChart    new(title, &stages)  .measure(name, &[f64])  .joined_from(stage)
//! Contour       new(title, x_range, y_range, f)  .axes(x, y)  .log_levels()  .path(name, &[(f64, f64)])  .minimum(x, y)
//!               .log_axes(x, y)  .items(&[(item, (f64, f64))])  .key(name)
//! Curves        new(title, [faint, plain, bold])  .axes(x, y)  .curve(item, Look, &[(f64, f64)])  .log_y()
//! ParallelCoordinates   new(title, Vec<Dimension>)  .line(item, &[Option<f64>], merit, highlighted)
//! Slices        new(title, y)  .panel(Dimension)  .dot(item, (f64, f64), shade, hollow)  .line(&[(f64, f64)])
//!               .log_y()  .y_most(y)  .panel_size(w, h)
//! Graph         new(title)  .node(NodeKind, &lines) -> usize  .edge(from, to, words)
//! number(f64)   a number for people
//!
//! Table         new(&columns)  .align(&[Align])  .key(heading, name)  .row(cells)  .strong_row(cells)  .transposed()
//!               .html(caption)  .text()  .csv()  .save(&Path, name): name.csv
//! Cell          text(words)  count(n)  number(x, decimals)  fraction(x)  points(x)  sizes(&axes)  none()
//!
//! Page          new(title)  .subtitle(words)  .byline(words)  .banner(words)  .footer(words)  .lead() -> &mut Body  .part(title)
//!               .section(number, title) -> &mut Body  .brushed(&[(item, words)])  .render() -> String  .save(&Path)
//! Body          .heading(words)  .paragraph(words)  .list(items)  .code(text)  .figure(&Figure, caption)
//!               .figures(&[(&Figure, caption)])  .row(|body| ..)  .table(&Table, caption)  .callout(Callout, title, words)
//!               .scores(&[(value, name, remark)])  .facts(&[(name, value)])  .details(summary, |body| ..)
//!               .answer(question, answer)  .source(file)  .field(label)
//! ```
//!
//! Classes and names are `&[String]`, labels `&[usize]`. Texts given to a page are escaped; `` `code` ``, `**strong**`
//! and `*emphasis*` in them are understood.

pub mod chart;
mod markup;
pub mod page;
pub mod table;
pub mod words;

pub use chart::Figure;
pub use markup::escape;
pub use page::{Body, Callout, Page};
pub use table::{Align, Cell, Table};

#[cfg(test)]
mod gallery;
#[cfg(test)]
mod tests;
