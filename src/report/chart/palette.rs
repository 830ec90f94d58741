//! Colours and shapes. Classes have the colours of Okabe and Ito (2008), which people with any common kind of colour
//! blindness can distinguish, and a shape besides, so a figure is readable in black and white.
//!
//! Colours that stand on the paper itself (ink, grid, classes) are *themed*: on a dark page each gives way to its
//! partner in [`DARK`]. Colours that stand on a coloured cell are fixed, as the cell is the same on any page.

/// An sRGB colour with opacity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colour {
    /// Red, green, blue.
    pub rgb: [u8; 3],
    /// 0 = invisible, 1 = solid.
    pub alpha: f64,
    /// Whether it has a partner on a dark page.
    pub(super) themed: bool,
}

/// Each themed colour that needs a partner on dark paper, and the partner. The others are seen on both.
pub(crate) const DARK: [([u8; 3], [u8; 3]); 8] = [
    (Colour::PAPER.rgb, [0x1a, 0x1e, 0x22]),
    (Colour::INK.rgb, [0xe6, 0xe9, 0xec]),
    (Colour::GRAY.rgb, [0xa3, 0xab, 0xb4]),
    (Colour::GRID.rgb, [0x32, 0x38, 0x3f]),
    ([0x00, 0x72, 0xb2], [0x3f, 0x9e, 0xdb]),
    ([0x3a, 0x3a, 0x3a], [0xb9, 0xbe, 0xc4]),
    ([0x5b, 0x2a, 0x86], [0xa9, 0x85, 0xd3]),
    ([0x8a, 0x4b, 0x1f], [0xc9, 0x8f, 0x5e]),
];

impl Colour {
    /// Text.
    pub const INK: Colour = Colour::themed(0x22, 0x26, 0x2b);
    /// Secondary text and axes.
    pub const GRAY: Colour = Colour::themed(0x5f, 0x67, 0x70);
    /// Grid lines.
    pub const GRID: Colour = Colour::themed(0xe3, 0xe6, 0xea);
    /// Paper.
    pub const PAPER: Colour = Colour::themed(0xff, 0xff, 0xff);
    /// A green border for correct predictions.
    pub const CORRECT: Colour = Colour::new(0x00, 0x9e, 0x73);
    /// A red border for incorrect predictions.
    pub const INCORRECT: Colour = Colour::new(0xd5, 0x5e, 0x00);

    /// Creates a solid colour, the same on any page.
    pub const fn new(r: u8, g: u8, b: u8) -> Self {
        Colour { rgb: [r, g, b], alpha: 1.0, themed: false }
    }

    /// Creates a solid colour that stands on the paper.
    const fn themed(r: u8, g: u8, b: u8) -> Self {
        Colour { rgb: [r, g, b], alpha: 1.0, themed: true }
    }

    /// Returns the colour that replaces it on a dark page.
    pub(super) fn dark(self) -> Self {
        let partner = DARK.iter().find(|(light, _)| self.themed && *light == self.rgb);
        partner.map_or(self, |&(_, rgb)| Colour { rgb, ..self })
    }

    /// Returns the colour of a class, the same in every figure. Repeats after 10; the shape of points then differs.
    /// From 80 on the colours are lighter.
    pub fn class(index: usize) -> Self {
        const CLASSES: [Colour; 10] = [
            Colour::themed(0x00, 0x72, 0xb2), // blue
            Colour::themed(0xd5, 0x5e, 0x00), // vermillion
            Colour::themed(0x00, 0x9e, 0x73), // bluish green
            Colour::themed(0xcc, 0x79, 0xa7), // reddish purple
            Colour::themed(0xe6, 0x9f, 0x00), // orange
            Colour::themed(0x56, 0xb4, 0xe9), // sky blue
            Colour::themed(0x3a, 0x3a, 0x3a), // black, softened
            Colour::themed(0xb8, 0xa8, 0x00), // yellow, darkened to be seen on paper
            // Two more, for ten classes: far from all of these in lightness.
            Colour::themed(0x5b, 0x2a, 0x86), // violet
            Colour::themed(0x8a, 0x4b, 0x1f), // brown
        ];
        let colour = CLASSES[index % 10];
        if index < 80 { colour } else { colour.mix(Colour::PAPER, 0.45) }
    }

    /// Returns the same colour, see-through.
    pub fn faint(self, alpha: f64) -> Self {
        Colour { alpha, ..self }
    }

    /// Returns the mixture with another colour, `t` of which is the other one.
    pub fn mix(self, other: Colour, t: f64) -> Self {
        let t = t.clamp(0.0, 1.0);
        let blend = |a: u8, b: u8| (f64::from(a) + t * (f64::from(b) - f64::from(a))).round() as u8;
        let rgb = std::array::from_fn(|i| blend(self.rgb[i], other.rgb[i]));
        Colour { rgb, alpha: self.alpha, themed: false }
    }

    /// Returns ink or paper, whichever is easier to read on this colour (contrast by WCAG 2's relative luminance).
    pub fn readable(self) -> Self {
        let light = self.luminance();
        let on_paper = 1.05 / (light + 0.05);
        let on_ink = (light + 0.05) / (Colour::INK.luminance() + 0.05);
        let colour = if on_paper > on_ink { Colour::PAPER } else { Colour::INK };
        Colour { themed: false, ..colour }
    }

    fn luminance(self) -> f64 {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { libm::pow((c + 0.055) / 1.055, 2.4) }
        };
        0.2126 * linear(self.rgb[0]) + 0.7152 * linear(self.rgb[1]) + 0.0722 * linear(self.rgb[2])
    }
}

/// A map from [0, 1] to colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColourMap {
    /// Black to white.
    Gray,
    /// White to blue.
    Blues,
    /// White to vermillion.
    Oranges,
    /// Blue over white to vermillion; 0.5 is white. For signed values such as weights.
    Diverging,
    /// Dark blue over green to pale yellow, evenly brightening (after viridis).
    Terrain,
}

impl ColourMap {
    /// Returns the colour at `t`, clamped to [0, 1]; a value that is not a number is gray.
    pub fn at(self, t: f64) -> Colour {
        if t.is_nan() {
            return Colour::new(0xb0, 0xb0, 0xb0);
        }
        let stops: &[Colour] = match self {
            ColourMap::Gray => &[Colour::new(0, 0, 0), Colour::new(255, 255, 255)],
            ColourMap::Blues => {
                &[Colour::new(0xff, 0xff, 0xff), Colour::new(0x8c, 0xbb, 0xdf), Colour::new(0x00, 0x4c, 0x8c)]
            }
            ColourMap::Oranges => {
                &[Colour::new(0xff, 0xff, 0xff), Colour::new(0xf4, 0xb0, 0x84), Colour::new(0xb8, 0x45, 0x00)]
            }
            ColourMap::Diverging => &[
                Colour::new(0x00, 0x4c, 0x8c),
                Colour::new(0x7f, 0xb3, 0xdb),
                Colour::new(0xff, 0xff, 0xff),
                Colour::new(0xf2, 0xa6, 0x76),
                Colour::new(0xb8, 0x45, 0x00),
            ],
            ColourMap::Terrain => &[
                Colour::new(0x44, 0x01, 0x54),
                Colour::new(0x3b, 0x52, 0x8b),
                Colour::new(0x21, 0x91, 0x8c),
                Colour::new(0x5e, 0xc9, 0x62),
                Colour::new(0xfd, 0xe7, 0x25),
            ],
        };
        let x = t.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
        let i = (x as usize).min(stops.len() - 2);
        stops[i].mix(stops[i + 1], x - i as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At least 3 to 1 (WCAG 2.1, 1.4.11) for every class on dark paper, and 4.5 to 1 for text.
    #[test]
    fn everything_is_seen_on_a_dark_page() {
        let paper = Colour::PAPER.dark();
        let contrast = |c: Colour| (c.dark().luminance() + 0.05) / (paper.luminance() + 0.05);
        for i in 0..10 {
            assert!(contrast(Colour::class(i)) >= 3.0, "class {i}: {}", contrast(Colour::class(i)));
        }
        assert!(contrast(Colour::INK) >= 4.5 && contrast(Colour::GRAY) >= 4.5 && contrast(Colour::GRID) < 2.0);
        // On a cell colours stay as they are.
        assert_eq!(Colour::PAPER.readable().dark().rgb, Colour::INK.rgb);
        assert_eq!(Colour::INK.faint(0.5).dark().alpha, 0.5);
    }

    #[test]
    fn text_is_readable_on_black_white_and_every_class() {
        assert_eq!(Colour::new(0, 0, 0).readable().rgb, Colour::PAPER.rgb);
        assert_eq!(Colour::PAPER.readable().rgb, Colour::INK.rgb);
        for i in 0..100 {
            let (back, text) = (Colour::class(i), Colour::class(i).readable());
            let (a, b) = (back.luminance().max(text.luminance()), back.luminance().min(text.luminance()));
            // the worst colour lies midway between ink and paper and has the root of their contrast from both
            let worst = ((1.0 + 0.05) / (Colour::INK.luminance() + 0.05)).sqrt();
            assert!((a + 0.05) / (b + 0.05) >= worst && worst > 3.0, "class {i}");
        }
    }

    #[test]
    fn maps_begin_and_end_where_they_should() {
        assert_eq!(ColourMap::Gray.at(-1.0).rgb, [0, 0, 0]);
        assert_eq!(ColourMap::Gray.at(2.0).rgb, [255, 255, 255]);
        assert_eq!(ColourMap::Diverging.at(0.5).rgb, [255, 255, 255]);
    }
}
