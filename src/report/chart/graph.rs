//! Computation graphs: boxes for values, circles for operations, arrows from inputs to outputs.

use super::canvas::{Anchor, Canvas, LABEL, Point, SMALL, text_width};
use super::figure::Figure;
use super::palette::Colour;

/// The kind of a node, which sets its style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A leaf: input or constant.
    Input,
    /// A trainable leaf.
    Parameter,
    /// An operation.
    Op,
    /// The output, where the backward pass starts.
    Output,
}

struct Node {
    lines: Vec<String>,
    kind: NodeKind,
}

/// A small directed graph without cycles, laid out from left to right.
pub struct Graph {
    title: String,
    nodes: Vec<Node>,
    edges: Vec<(usize, usize, String)>,
}

impl Graph {
    /// Creates an empty graph.
    pub fn new(title: &str) -> Self {
        Graph { title: title.into(), nodes: Vec::new(), edges: Vec::new() }
    }

    /// Adds a node and returns its number. Lines after the first are small (a value, a gradient).
    pub fn node(&mut self, kind: NodeKind, lines: &[&str]) -> usize {
        self.nodes.push(Node { lines: lines.iter().map(|l| (*l).to_owned()).collect(), kind });
        self.nodes.len() - 1
    }

    /// Adds an arrow, with words beside it if there are any. `from` must have been added before `to`, as on a tape.
    ///
    /// Panics on a number without a node, or on an arrow backwards.
    pub fn edge(&mut self, from: usize, to: usize, label: &str) {
        assert!(from < to && to < self.nodes.len(), "Graph::edge: {from} -> {to} does not go forward");
        self.edges.push((from, to, label.into()));
    }

    /// Returns the column of each node: one more than the furthest of its inputs; a leaf stands just before its first
    /// reader.
    fn columns(&self) -> Vec<usize> {
        let mut column = vec![0usize; self.nodes.len()];
        for to in 0..self.nodes.len() {
            for e in self.edges.iter().filter(|e| e.1 == to) {
                column[to] = column[to].max(column[e.0] + 1);
            }
        }
        for n in 0..self.nodes.len() {
            let is_leaf = !self.edges.iter().any(|e| e.1 == n);
            if let Some(first) = self.edges.iter().filter(|e| e.0 == n).map(|e| column[e.1]).min().filter(|_| is_leaf) {
                column[n] = first - 1;
            }
        }
        column
    }

    /// Returns the row of each node within its column: nodes follow the mean height of their neighbours, from -1/2 to
    /// 1/2.
    fn heights(&self, column: &[usize]) -> Vec<f64> {
        let last = column.iter().max().map_or(0, |c| c + 1);
        let mut height: Vec<f64> = (0..self.nodes.len()).map(|n| n as f64).collect();
        let spread = |height: &mut Vec<f64>, c: usize| {
            let mut order: Vec<usize> = (0..column.len()).filter(|&n| column[n] == c).collect();
            order.sort_by(|&a, &b| height[a].total_cmp(&height[b]).then(a.cmp(&b)));
            for (i, &n) in order.iter().enumerate() {
                height[n] = (i as f64 + 0.5) - 0.5 * order.len() as f64;
            }
        };
        (0..last).for_each(|c| spread(&mut height, c));
        for _ in 0..8 {
            for c in (0..last).chain((0..last).rev()) {
                for n in (0..column.len()).filter(|&n| column[n] == c) {
                    let near = self.edges.iter().filter_map(|e| match n {
                        n if n == e.0 => Some(e.1),
                        n if n == e.1 => Some(e.0),
                        _ => None,
                    });
                    let near: Vec<f64> = near.map(|m| height[m]).collect();
                    if !near.is_empty() {
                        height[n] = near.iter().sum::<f64>() / near.len() as f64;
                    }
                }
                spread(&mut height, c);
            }
        }
        height
    }

    /// Draws the graph.
    pub fn draw(&self) -> Figure {
        let column = self.columns();
        let height = self.heights(&column);
        let columns = column.iter().max().map_or(1, |c| c + 1);
        let sizes: Vec<Point> = self.nodes.iter().map(node_size).collect();
        let widest = |c: usize| (0..sizes.len()).filter(|&n| column[n] == c).map(|n| sizes[n].0).fold(0.0, f64::max);
        let label = self.edges.iter().map(|e| text_width(&e.2, SMALL, false)).fold(0.0, f64::max);
        let gap = 44.0f64.max(label + 30.0);
        let mut x = vec![8.0 + 0.5 * widest(0)];
        for c in 1..columns {
            x.push(x[c - 1] + 0.5 * widest(c - 1) + gap + 0.5 * widest(c));
        }
        let width = (x[columns - 1] + 0.5 * widest(columns - 1) + 8.0).max(300.0);
        let step = sizes.iter().map(|s| s.1).fold(0.0, f64::max) + 24.0;
        let most = height.iter().copied().fold(0.0f64, |m, h| m.max(h.abs())) + 0.5;

        let mut canvas = Canvas::new(width, 0.0);
        let top = canvas.title(8.0, &self.title);
        let centre: Vec<Point> = (0..sizes.len()).map(|n| (x[column[n]], top + step * (height[n] + most))).collect();
        for (from, to, words) in &self.edges {
            let (a, b) = (centre[*from], centre[*to]);
            let (start, end) = ((a.0 + 0.5 * sizes[*from].0, a.1), (b.0 - 0.5 * sizes[*to].0, b.1));
            arrow(&mut canvas, start, end, words);
        }
        for (node, (at, size)) in self.nodes.iter().zip(centre.iter().zip(&sizes)) {
            draw_node(&mut canvas, node, *at, *size);
        }
        canvas.height = top + 2.0 * most * step;
        Figure::on_white(canvas, format!("Computation graph. {}", self.title))
    }
}

fn node_size(node: &Node) -> Point {
    let mut widths = node.lines.iter().enumerate();
    let width =
        widths.by_ref().map(|(i, l)| text_width(l, if i == 0 { LABEL } else { SMALL }, i == 0)).fold(0.0, f64::max);
    ((width + 22.0).max(44.0), 16.0 + 17.0 * node.lines.len().max(1) as f64)
}

fn draw_node(canvas: &mut Canvas, node: &Node, at: Point, size: Point) {
    let colour = match node.kind {
        NodeKind::Input => Colour::GRAY,
        NodeKind::Parameter => Colour::class(4),
        NodeKind::Op => Colour::class(0),
        NodeKind::Output => Colour::class(2),
    };
    let radius = if node.kind == NodeKind::Op { 0.5 * size.1.min(36.0) } else { 5.0 };
    canvas.polygon(rounded(at, size, radius), colour);
    canvas.polygon(rounded(at, (size.0 - 3.0, size.1 - 3.0), radius - 1.5), colour.mix(Colour::PAPER, 0.88));
    for (i, line) in node.lines.iter().enumerate() {
        let y = at.1 + 17.0 * (i as f64 - 0.5 * (node.lines.len() - 1) as f64) + 0.36 * LABEL;
        if i == 0 {
            canvas.bold((at.0, y), line, LABEL, Colour::INK, Anchor::Middle);
        } else {
            canvas.text((at.0, y), line, SMALL, Colour::GRAY, Anchor::Middle);
        }
    }
}

/// Returns a rectangle with round corners as a polygon.
fn rounded(at: Point, size: Point, radius: f64) -> Vec<Point> {
    let (a, b) = (0.5 * size.0 - radius, 0.5 * size.1 - radius);
    let corner = |quarter: usize, i: usize| {
        let angle = std::f64::consts::FRAC_PI_2 * (quarter as f64 + i as f64 / 8.0);
        let (sx, sy) = ([1.0, -1.0, -1.0, 1.0][quarter], [1.0, 1.0, -1.0, -1.0][quarter]);
        (at.0 + sx * a + radius * libm::cos(angle), at.1 + sy * b + radius * libm::sin(angle))
    };
    (0..4).flat_map(|quarter| (0..=8).map(move |i| corner(quarter, i))).collect()
}

/// A curve that leaves and arrives level, with a head; its words stand on a little paper in the middle.
fn arrow(canvas: &mut Canvas, a: Point, b: Point, words: &str) {
    let end = (b.0 - 7.0, b.1);
    let bend = 0.5 * (end.0 - a.0);
    let curve = |t: f64| {
        let (u, v) = (1.0 - t, t);
        let w = [u * u * u, 3.0 * u * u * v, 3.0 * u * v * v, v * v * v];
        let (xs, ys) = ([a.0, a.0 + bend, end.0 - bend, end.0], [a.1, a.1, end.1, end.1]);
        ((0..4).map(|i| w[i] * xs[i]).sum::<f64>(), (0..4).map(|i| w[i] * ys[i]).sum::<f64>())
    };
    let path: Vec<Point> = (0..=24).map(|i| curve(f64::from(i) / 24.0)).collect();
    canvas.line(&path, Colour::GRAY, 1.5);
    canvas.polygon(vec![b, (b.0 - 9.0, b.1 - 4.5), (b.0 - 9.0, b.1 + 4.5)], Colour::GRAY);
    if !words.is_empty() {
        let (p, half) = (curve(0.5), 0.5 * text_width(words, SMALL, false) + 2.0);
        canvas.rect(p.0 - half, p.1 - 8.0, 2.0 * half, 16.0, Colour::PAPER.faint(0.85));
        canvas.text((p.0, p.1 + 0.36 * SMALL), words, SMALL, Colour::INK, Anchor::Middle);
    }
}
