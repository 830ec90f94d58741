//! Pictures and the one-file HTML report.
//!
//! A toolkit without opinions on what is reported: it takes plain slices, so the pipeline and the lessons share it.
//!
//! ```text
//! chart   LineChart BarChart GroupedBars Histograms Confusion HeatMap Scatter ImageGrid StageChart Contour Graph
//!         each: X::new(title, ..).what_it_shows(..).draw() -> Figure
//!         Figure { svg, width, height, alt }  .png()  .save(dir, name): name.svg and name.png
//! table   Table::new(columns).row(cells)   .html(caption)  .text()  .csv()  .save(dir, name): name.csv
//! page    Page::new(title).section(number, title) -> Body   .render()  .save(path)
//!         Body: heading paragraph list code figure figures table callout scores facts details answer source field
//! ```
//!
//! Texts given to a page are escaped; `` `code` ``, `**strong**` and `*emphasis*` are understood.

pub mod chart;
pub mod page;
pub mod table;

pub use chart::Figure;
pub use page::{Body, Callout, Page};
pub use table::{Align, Table};

use crate::error::{Error, Result};
use std::io::Write;
use std::path::Path;

/// Makes a text harmless in HTML and SVG, inside elements and inside quoted attributes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // not allowed in XML at all
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Writes a file under a temporary name, syncs it and its folder, and renames: a reader sees all of it or nothing.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.tmp"));
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut file = std::fs::File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        #[cfg(unix)]
        std::fs::File::open(folder)?.sync_all()?;
        Ok(())
    };
    let written = write();
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written.map_err(Error::io("write", path))
}

#[cfg(test)]
mod gallery;
#[cfg(test)]
mod tests;
