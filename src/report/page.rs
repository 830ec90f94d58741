//! Self-contained HTML pages: style, font, figures and images are inside; no network, and no script unless the page is
//! given one.
//!
//! Every text that comes in is escaped, then a little markup is read: `` `code` ``, `**strong**`, `*emphasis*`.
//! So a file name with `<` or `&` in it can do no harm, and neither can a class name with a star.

use super::chart::{Figure, dark_theme, font_face};
use super::markup::{escape, inline};
use super::table::Table;
use crate::error::Result;
use crate::files;
use askama::Template;
use base64::Engine;
use std::fmt::Write;
use std::path::Path;

/// A page under construction.
pub struct Page {
    title: String,
    subtitle: String,
    byline: String,
    banner: String,
    lang: String,
    footer: String,
    script: String,
    lead: Body,
    sections: Vec<Section>,
    next_part: String,
}

struct Section {
    part: String,
    number: String,
    title: String,
    body: Body,
}

impl Section {
    fn html(&self, id: String) -> SectionHtml<'_> {
        SectionHtml { id, part: &self.part, number: &self.number, title: &self.title, html: &self.body.html }
    }
}

/// The contents of a section (or of something foldable in it), filled from top to bottom.
#[derive(Default)]
pub struct Body {
    html: String,
}

/// The tone of a boxed remark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callout {
    /// The main result.
    Verdict,
    /// A remark.
    Note,
    /// A warning against a wrong reading.
    Caveat,
}

struct SectionHtml<'a> {
    id: String,
    part: &'a str,
    number: &'a str,
    title: &'a str,
    html: &'a str,
}

#[derive(Template)]
#[template(path = "page.html", config = "src/report/assets/askama.toml")]
struct PageHtml<'a> {
    title: &'a str,
    subtitle: &'a str,
    byline: &'a str,
    banner: &'a str,
    lang: &'a str,
    fonts: String,
    css: &'a str,
    dark: String,
    margin: String,
    lead: &'a str,
    sections: Vec<SectionHtml<'a>>,
    footer: &'a str,
    script: &'a str,
}

/// Above this size a figure's SVG is heavier than its pixels are worth, and the page takes the PNG.
const HEAVY_SVG: usize = 300_000;

impl Page {
    /// Creates an empty page in English.
    pub fn new(title: &str) -> Self {
        Page {
            title: title.into(),
            subtitle: String::new(),
            byline: String::new(),
            banner: String::new(),
            lang: "en".into(),
            footer: String::new(),
            script: String::new(),
            lead: Body::default(),
            sections: Vec::new(),
            next_part: String::new(),
        }
    }

    /// Adds a line below the title.
    pub fn subtitle(&mut self, words: &str) -> &mut Self {
        self.subtitle = words.into();
        self
    }

    /// Adds a line below the subtitle: the author and the date.
    pub fn byline(&mut self, words: &str) -> &mut Self {
        self.byline = words.into();
        self
    }

    /// Adds a warning that stays in sight: at the top of the window on a screen, and on every sheet of paper.
    pub fn banner(&mut self, words: &str) -> &mut Self {
        self.banner = words.into();
        self
    }

    /// Adds a line at the page's end.
    pub fn footer(&mut self, words: &str) -> &mut Self {
        self.footer = words.into();
        self
    }

    /// Links the figures: items under the pointer, or in a rectangle that is dragged over a figure, are highlighted in
    /// all of them. Items are the numbers given to the charts; `words` describes each.
    pub fn brushed(&mut self, words: &[(usize, String)]) -> &mut Self {
        let words: serde_json::Map<String, serde_json::Value> =
            words.iter().map(|(item, text)| (item.to_string(), text.as_str().into())).collect();
        // A script ends at the first `</`, wherever it stands.
        let words = serde_json::Value::Object(words).to_string().replace("</", "<\\/");
        self.script = include_str!("assets/brush.js").replace("WORDS", &words);
        self
    }

    /// Returns the part before the table of contents, for the verdict.
    pub fn lead(&mut self) -> &mut Body {
        &mut self.lead
    }

    /// Adds a heading over the sections that follow ("Part 1. Hand-crafted features").
    pub fn part(&mut self, title: &str) -> &mut Self {
        self.next_part = title.into();
        self
    }

    /// Opens a section. Its anchor is `s-` and its number ("1c" becomes `#s-1c`), or its title if it has none.
    pub fn section(&mut self, number: &str, title: &str) -> &mut Body {
        let part = std::mem::take(&mut self.next_part);
        self.sections.push(Section { part, number: number.into(), title: title.into(), body: Body::default() });
        let last = self.sections.len() - 1;
        &mut self.sections[last].body
    }

    /// Returns the whole page.
    pub fn render(&self) -> String {
        let mut ids: Vec<String> = Vec::new();
        for s in &self.sections {
            let id = anchor(if s.number.is_empty() { &s.title } else { &s.number });
            let repeated = ids.iter().filter(|i| **i == id || i.starts_with(&format!("{id}--"))).count();
            ids.push(if repeated == 0 { id } else { format!("{id}--{}", repeated + 1) });
        }
        let page = PageHtml {
            title: &self.title,
            subtitle: &self.subtitle,
            byline: &self.byline,
            banner: &self.banner,
            lang: &self.lang,
            fonts: font_face(),
            css: include_str!("assets/page.css"),
            dark: dark_theme(),
            margin: css_words(&self.banner),
            lead: &self.lead.html,
            sections: self.sections.iter().zip(ids).map(|(s, id)| s.html(id)).collect(),
            footer: &self.footer,
            script: &self.script,
        };
        page.render().expect("page: rendering into memory cannot fail")
    }

    /// Writes the page, whole or not at all.
    pub fn save(&self, path: &Path) -> Result<()> {
        files::write_atomic(path, self.render().as_bytes())
    }
}

/// Escapes a text for a quoted string in CSS: all but letters, digits, blanks and `.,:;-`
/// is written by its number.
fn css_words(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " .,:;-".contains(c);
    text.chars().map(|c| if plain(c) { c.to_string() } else { format!("\\{:06x}", u32::from(c)) }).collect()
}

/// Returns `s-` and the letters and digits of a text.
fn anchor(text: &str) -> String {
    let clean: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    format!("s-{}", clean.trim_matches('-'))
}

impl Body {
    /// Adds a heading within the section.
    pub fn heading(&mut self, words: &str) -> &mut Self {
        self.push(format_args!("<h3>{}</h3>\n", inline(words)))
    }

    /// Adds a paragraph.
    pub fn paragraph(&mut self, words: &str) -> &mut Self {
        self.push(format_args!("<p>{}</p>\n", inline(words)))
    }

    /// Adds a list with bullets, in columns if it is long.
    pub fn list<S: AsRef<str>>(&mut self, items: impl IntoIterator<Item = S>) -> &mut Self {
        let items: Vec<String> = items.into_iter().map(|i| format!("<li>{}</li>\n", inline(i.as_ref()))).collect();
        let class = if items.len() > 6 { " class=\"many\"" } else { "" };
        self.push(format_args!("<ul{class}>\n{}</ul>\n", items.concat()))
    }

    /// Adds text verbatim in a monospaced font: a command, a configuration.
    pub fn code(&mut self, text: &str) -> &mut Self {
        self.push(format_args!("<pre><code>{}</code></pre>\n", escape(text)))
    }

    /// Adds a figure with its caption.
    pub fn figure(&mut self, figure: &Figure, caption: &str) -> &mut Self {
        let html = figure_html(figure, caption);
        self.push(format_args!("{html}"))
    }

    /// Adds figures side by side where the screen is wide enough.
    pub fn figures(&mut self, figures: &[(&Figure, &str)]) -> &mut Self {
        let all: String = figures.iter().map(|(f, c)| figure_html(f, c)).collect();
        self.push(format_args!("<div class=\"grid\">\n{all}</div>\n"))
    }

    /// Adds the tables and figures of `fill`, side by side where the screen is wide enough.
    pub fn row(&mut self, fill: impl FnOnce(&mut Body)) -> &mut Self {
        let mut inner = Body::default();
        fill(&mut inner);
        self.push(format_args!("<div class=\"row\">\n{}</div>\n", inner.html))
    }

    /// Adds a table with its caption.
    pub fn table(&mut self, table: &Table, caption: &str) -> &mut Self {
        self.push(format_args!("{}", table.html(caption)))
    }

    /// Adds a boxed remark.
    pub fn callout(&mut self, tone: Callout, title: &str, words: &str) -> &mut Self {
        let class = match tone {
            Callout::Verdict => "verdict",
            Callout::Note => "note",
            Callout::Caveat => "caveat",
        };
        let title = if title.is_empty() { String::new() } else { format!("<strong>{}</strong> ", inline(title)) };
        self.push(format_args!("<aside class=\"box {class}\"><p>{title}{}</p></aside>\n", inline(words)))
    }

    /// Adds large numbers side by side: value, name, remark ("0.97", "CNN", "95 % interval 0.92 to 0.99").
    pub fn scores(&mut self, scores: &[(&str, &str, &str)]) -> &mut Self {
        let one = |(value, name, remark): &(&str, &str, &str)| {
            format!(
                "<div><span class=\"value\">{}</span><span class=\"name\">{}</span><span class=\"remark\">{}</span></div>\n",
                inline(value),
                inline(name),
                inline(remark)
            )
        };
        let all: String = scores.iter().map(one).collect();
        self.push(format_args!("<div class=\"scores\">\n{all}</div>\n"))
    }

    /// Adds facts: names and values.
    pub fn facts<A: AsRef<str>, B: AsRef<str>>(&mut self, facts: &[(A, B)]) -> &mut Self {
        let one =
            |(name, value): &(A, B)| format!("<dt>{}</dt><dd>{}</dd>\n", inline(name.as_ref()), inline(value.as_ref()));
        let all: String = facts.iter().map(one).collect();
        self.push(format_args!("<dl>\n{all}</dl>\n"))
    }

    /// Adds a foldable part, closed on screen and open on paper.
    pub fn details(&mut self, summary: &str, fill: impl FnOnce(&mut Body)) -> &mut Self {
        let mut inner = Body::default();
        fill(&mut inner);
        self.push(format_args!("<details><summary>{}</summary>\n{}</details>\n", inline(summary), inner.html))
    }

    /// Adds a question of the assignment, and the answer this run gives.
    pub fn answer(&mut self, question: &str, answer: &str) -> &mut Self {
        self.push(format_args!(
            "<div class=\"answer\"><p class=\"question\"><span>Question</span>{}</p>\n<p><span>Answer from this run</span>{}</p></div>\n",
            inline(question),
            inline(answer)
        ))
    }

    /// Adds a line that names the source file of the section.
    pub fn source(&mut self, file: &str) -> &mut Self {
        self.push(format_args!("<p class=\"source\">computed by <code>{}</code></p>\n", escape(file)))
    }

    /// Adds an empty field to write in, on screen or on paper.
    pub fn field(&mut self, label: &str) -> &mut Self {
        let label = escape(label);
        self.push(format_args!(
            "<div class=\"field\" contenteditable=\"true\" role=\"textbox\" aria-multiline=\"true\" aria-label=\"{label}\" data-hint=\"{label}\"></div>\n"
        ))
    }

    fn push(&mut self, html: std::fmt::Arguments<'_>) -> &mut Self {
        self.html.write_fmt(html).expect("page: writing into a string cannot fail");
        self
    }
}

/// Returns the figure on a card: SVG as it is, or PNGs for a light and a dark page if the SVG is heavy. A figure that
/// a dark page does not recolour keeps a white card. Wide ones may scroll sideways on a phone.
fn figure_html(figure: &Figure, caption: &str) -> String {
    let wide = if figure.width > 620 { " wide" } else { "" };
    let white = if figure.is_themed() { "" } else { " white" };
    let light = figure.svg.len() <= HEAVY_SVG;
    let drawing = match if light { None } else { figure.png().ok() } {
        // the name space is understood in HTML, and the page shall contain no address at all
        None => figure.svg.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1),
        Some(png) => pixels_html(figure, &png),
    };
    let caption =
        if caption.is_empty() { String::new() } else { format!("<figcaption>{}</figcaption>\n", inline(caption)) };
    format!(
        "<figure style=\"--w:{}px\"><div class=\"card{wide}{white}\">\n{drawing}</div>\n{caption}</figure>\n",
        figure.width
    )
}

/// Returns a figure as an image, and its dark version where it has one.
fn pixels_html(figure: &Figure, png: &[u8]) -> String {
    let data = |png: &[u8]| format!("data:image/png;base64,{}", base64::engine::general_purpose::STANDARD.encode(png));
    let image = format!(
        "<img src=\"{}\" width=\"{}\" height=\"{}\" alt=\"{}\">",
        data(png),
        figure.width,
        figure.height,
        escape(&figure.alt)
    );
    match figure.dark_png().ok().filter(|_| figure.is_themed()) {
        None => format!("{image}\n"),
        Some(dark) => format!(
            "<picture><source srcset=\"{}\" media=\"screen and (prefers-color-scheme: dark)\">{image}</picture>\n",
            data(&dark)
        ),
    }
}
