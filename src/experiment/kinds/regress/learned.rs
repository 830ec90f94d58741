//! What a network with one or two inputs has learned, drawn as the function that it is: a curve, or a surface. Beside it
//! stands the true function, where the data are samples of one.

use super::{Regressed, scale_of};
use crate::data::function::Mixture;
use crate::error::Result;
use crate::report::Figure;
use crate::report::chart::{Colour, Contour, LineChart, Surface, number};
use crate::run::Book;
use crate::target::Target;
use crate::tensor::Tensor;

/// Points at which a curve is drawn.
const CURVE: usize = 401;

impl Regressed {
    /// Writes the section, if the samples have one or two inputs; returns whether they have.
    pub(super) fn learned(&self, number: &str, book: &mut Book<'_>) -> Result<bool> {
        let p = &self.run.prepared;
        if !p.preparation.is_table() || p.preparation.image[2] > 2 {
            return Ok(false);
        }
        let d = &self.run.experiment.data;
        let truth = d.kind.source().function(d);
        match p.preparation.image[2] {
            1 => self.curve(number, truth.as_ref(), book)?,
            _ => self.surfaces(number, truth.as_ref(), book)?,
        }
        Ok(true)
    }

    /// The network's first prediction at these points, in the units of the data.
    fn predicted_at(&self, points: &[Vec<f64>]) -> Result<Vec<f64>> {
        let p = &self.run.prepared.preparation;
        let d = p.image[2];
        let flat = points.iter().flatten().map(|&x| x as f32).collect();
        let samples = p.samples(&Tensor::new(flat, [points.len(), 1, 1, d])?, Target::None, None)?;
        Ok(scale_of(p.values.as_ref())?.in_units(&self.run.outputs(samples.as_ref())?, 0))
    }

    /// The least and largest value of an input: of the function, or over the training split.
    fn range(&self, input: usize, truth: Option<&Mixture>) -> (f64, f64) {
        if let Some(Mixture { range: [low, high], .. }) = truth {
            return (*low, *high);
        }
        let pixels = &self.run.prepared.data.train.pixels;
        let of =
            pixels.data().iter().skip(input).step_by(self.run.prepared.preparation.image[2]).map(|&x| f64::from(x));
        of.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    }

    fn names(&self) -> (Vec<String>, &str) {
        (self.run.prepared.preparation.columns().features, &self.test[0].name)
    }

    fn curve(&self, section: &str, truth: Option<&Mixture>, book: &mut Book<'_>) -> Result<()> {
        let (low, high) = self.range(0, truth);
        let x = |i: usize| low + (high - low) * i as f64 / (CURVE - 1) as f64;
        let points: Vec<Vec<f64>> = (0..CURVE).map(|i| vec![x(i)]).collect();
        let predicted = self.predicted_at(&points)?;
        let (inputs, value) = self.names();
        let mut chart =
            LineChart::new(&format!("{}: what was learned", self.run.experiment.name)).axes(&inputs[0], value);
        if let Some(f) = truth {
            let curve: Vec<(f64, f64)> = (0..CURVE).map(|i| (x(i), f.at([x(i), 0.0]))).collect();
            chart = chart.styled("true function", &curve, Colour::class(1), true);
        }
        let curve: Vec<(f64, f64)> = (0..CURVE).map(|i| (x(i), predicted[i])).collect();
        chart = chart.styled("network", &curve, Colour::class(0), false);
        let figure = book.figure("learned", chart.draw())?;
        let beside = if truth.is_some() { " beside the true function" } else { "" };
        let words = format!("The network's prediction over the range of the samples{beside}.");
        book.page.section(section, "What was learned").figure(&figure, &words);
        Ok(())
    }

    fn surfaces(&self, section: &str, truth: Option<&Mixture>, book: &mut Book<'_>) -> Result<()> {
        let ranges = [self.range(0, truth), self.range(1, truth)];
        let nodes = Contour::nodes(ranges[0], ranges[1]);
        let predicted = self.predicted_at(&nodes.iter().map(|&(x, y)| vec![x, y]).collect::<Vec<_>>())?;
        let (inputs, value) = self.names();
        let name = &self.run.experiment.name;
        let side = nodes.len().isqrt();
        // Half as many lines as nodes: finer ones would be black.
        let coarse = |values: &[f64]| -> Vec<f64> {
            (0..side).step_by(2).flat_map(|j| (0..side).step_by(2).map(move |i| values[j * side + i])).collect()
        };
        let axes = [inputs[0].as_str(), inputs[1].as_str()];
        let mut sheet = Surface::new(&format!("{name}: {value}"), axes, ranges[0], ranges[1]);
        let mut figures: Vec<(Figure, String)> = Vec::new();
        let half = side.div_ceil(2);
        let contour = |title: &str, values: Vec<f64>, key: &str| {
            Contour::of_values(title, ranges[0], ranges[1], values).axes(axes[0], axes[1]).key(key).draw()
        };
        let Some(f) = truth else {
            sheet = sheet.panel("predicted", half, &coarse(&predicted));
            let figure = book.figure("learned_surface", sheet.draw())?;
            let map =
                book.figure("learned_contours", contour(&format!("{name}: predicted {value}"), predicted, value))?;
            book.page.section(section, "What was learned").figures(&[
                (&figure, "The network's prediction over the range of the training samples."),
                (&map, "The same from above."),
            ]);
            return Ok(());
        };
        let true_values: Vec<f64> = nodes.iter().map(|&(x, y)| f.at([x, y])).collect();
        let errors: Vec<f64> = predicted.iter().zip(&true_values).map(|(p, y)| p - y).collect();
        sheet = sheet.panel("true", half, &coarse(&true_values)).panel("predicted", half, &coarse(&predicted));
        let worst = errors.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())).map_or(0, |(i, _)| i);
        let sizes: Vec<f64> = errors.iter().map(|e| e.abs()).collect();
        let mean_square = errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64;
        let add = |book: &mut Book<'_>, key: &str, figure: Figure, words: &str| -> Result<(Figure, String)> {
            Ok((book.figure(key, figure)?, words.to_owned()))
        };
        figures.push(add(book, "learned_surface", sheet.draw(), "The true surface, and the network's, on one scale.")?);
        let title = format!("{name}: true {value}");
        figures.push(add(book, "true_contours", contour(&title, true_values, value), "The true surface from above.")?);
        let title = format!("{name}: predicted {value}");
        figures.push(add(book, "learned_contours", contour(&title, predicted, value), "The network's from above.")?);
        let map = contour(&format!("{name}: absolute error"), sizes, "absolute error");
        figures.push(add(book, "error_map", map, "Where the network errs, and how much.")?);
        let figures: Vec<(&Figure, &str)> = figures.iter().map(|(figure, words)| (figure, words.as_str())).collect();
        let (x, y) = nodes[worst];
        book.page.section(section, "What was learned").figures(&figures).paragraph(&format!(
            "Over a grid of {side} x {side} points the mean squared error against the surface itself is {}. The largest error \
             there is {}, at {} = {} and {} = {}.",
            number(mean_square),
            number(errors[worst].abs()),
            axes[0],
            number(x),
            axes[1],
            number(y)
        ));
        Ok(())
    }
}
