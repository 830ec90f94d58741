//! Time series: a column of values at equal steps of time, and the windows on which a forecast is trained.
//!
//! Sample i predicts `x[t + h]` from the last L values and, where there is a season of period T steps, from its harmonics at the
//! time of the predicted value (τ = t + h):
//!
//! ```text
//! x[t - L + 1], .., x[t],   sin(2 π k τ / T), cos(2 π k τ / T)  for k = 1, .., K     ->     x[t + h]
//! ```
//!
//! This turns forecasting into regression: with a linear model it is an autoregression of order L (Yule 1927) or, with the
//! harmonics, one around a seasonal mean (Box, Jenkins and Reinsel 2008, chapter 9).
//!
//! The splits are chronological, by the place of the predicted value: first training, then validation, last test. So the test is
//! as hard as real forecasting, and does not depend on L: models with other lags are compared on the same values. A window of
//! validation or test reaches back into the values before it, which are known when the forecast is made; no window of training
//! reaches forward.

use super::dataset::{Columns, ImageData, Images};
use super::split::{Split, apportion};
use super::table::{Column, Single, TableOptions, read_single};
use crate::error::{Error, Result};
use crate::files;
use crate::target::Target;
use crate::tensor::Tensor;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// Fewest windows that a model is trained on.
const FEWEST: usize = 10;

/// What a sample of a series is: how many values are seen, which one is predicted, and the season.
///
/// ```
/// use gradus::data::Windows;
/// let windows = Windows { lags: 2, horizon: 1, season: 12.0, harmonics: 1 };
/// assert_eq!(windows.columns(), ["lag 2", "lag 1", "sin 1", "cos 1"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Windows {
    /// L, the number of values that are seen.
    pub lags: usize,
    /// h, how many steps after the last of them the predicted value lies.
    pub horizon: usize,
    /// T, the period of the season in steps; 0 for none.
    pub season: f64,
    /// K, the number of harmonics of the season.
    pub harmonics: usize,
}

impl Windows {
    /// Returns the number of inputs of a sample.
    pub fn width(&self) -> usize {
        self.lags + 2 * self.waves()
    }

    /// Harmonics that there are.
    fn waves(&self) -> usize {
        if self.season > 0.0 { self.harmonics } else { 0 }
    }

    /// Returns the names of the inputs, in order: `lag 2` stands for the value before the last one.
    pub fn columns(&self) -> Vec<String> {
        let waves = (1..=self.waves()).flat_map(|k| [format!("sin {k}"), format!("cos {k}")]);
        (1..=self.lags).rev().map(|lag| format!("lag {lag}")).chain(waves).collect()
    }

    /// Returns the place of the first value that can be predicted.
    pub fn first(&self) -> usize {
        self.lags + self.horizon - 1
    }

    /// Returns the values of the series that consecutive windows span: all that they see, and all that they predict.
    pub fn spanned(&self, windows: &Images) -> Vec<f32> {
        let (n, d) = (windows.len(), self.width());
        let Some(targets) = windows.target.values().filter(|_| n > 0) else { return Vec::new() };
        let last_lag = |i: usize| windows.pixels.data()[i * d + self.lags - 1];
        let mut values = windows.pixels.data()[..self.lags].to_vec();
        values.extend((1..n).map(last_lag));
        values.extend(&targets.data()[n - self.horizon.min(n)..]);
        values
    }
}

/// A column of values at equal steps of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The name of the column.
    pub name: String,
    /// The values, in order.
    pub values: Vec<f32>,
    /// What messages and tables call each value: its date, or its row in the file.
    pub names: Vec<String>,
    /// The time of the first value in steps: since 1970-01-01 for dates, since 0 for numbers, 0 without a column of times. So
    /// another part of the series has the same season.
    pub begins: f64,
    /// Notes on what was detected while reading.
    pub notes: Vec<String>,
}

impl Series {
    /// Reads a column of a CSV file, whose rows stand in the order of time: the first of `options.targets` or, without one, the
    /// last column that holds numbers.
    ///
    /// `time` names a column of dates (`19790131` or `1979-01-31`) or numbers: they must rise by equal steps of days, of months
    /// or of numbers.
    ///
    /// Fails for a column that is not there, a cell that holds no number, an empty line, and a step that is not like the others.
    pub fn read_csv(path: impl AsRef<Path>, options: &TableOptions, time: Option<&Column>) -> Result<Series> {
        let path = path.as_ref();
        let Single { name, values, lines, times, notes } = read_single(path, options, time)?;
        let (names, begins) = match times {
            None => ((1..=values.len()).map(|row| format!("row {row}")).collect(), 0.0),
            Some((column, cells)) => {
                let begins = begins(&column, &cells, &lines).map_err(|(what, help)| Error::data(path, what, help))?;
                (cells, begins)
            }
        };
        Ok(Series { name, values, names, begins, notes })
    }

    /// Returns the windows that predict the values at these places, as rows of a table; a place behind the end is that of a value
    /// that is not known yet, and then the samples have no target. Panics for a place that lies before
    /// [`Windows::first`], or so far behind the end that its window does.
    pub fn windows(&self, windows: &Windows, places: Range<usize>) -> Images {
        let (n, d) = (places.len(), windows.width());
        let mut numbers = Vec::with_capacity(n * d);
        for place in places.clone() {
            let end = place + 1 - windows.horizon;
            numbers.extend_from_slice(&self.values[end - windows.lags..end]);
            let time = self.begins + place as f64;
            for k in 1..=windows.waves() {
                // Whole turns are dropped first: 2 pi times a large number is less exact.
                let turns = k as f64 * time / windows.season;
                let (sin, cos) = libm::sincos(2.0 * std::f64::consts::PI * (turns - turns.floor()));
                numbers.extend([sin as f32, cos as f32]);
            }
        }
        let known = places.end <= self.values.len();
        let values = |places: Range<usize>| Tensor::new(self.values[places].to_vec(), [n, 1]).expect("a value each");
        Images {
            names: places.clone().map(|i| self.names.get(i).cloned().unwrap_or(format!("row {}", i + 1))).collect(),
            pixels: Tensor::new(numbers, [n, 1, 1, d]).expect("rows of one width"),
            target: if known { Target::Values(values(places)) } else { Target::None },
            classes: Vec::new(),
            value_names: vec![self.name.clone()],
            columns: Columns { features: windows.columns(), label: self.name.clone(), ..Columns::default() },
        }
    }

    /// Returns all windows of the series. Fails if there is none; `path` is named in the message.
    pub fn all(&self, path: &Path, windows: &Windows) -> Result<Images> {
        let n = self.values.len();
        if n <= windows.first() {
            let what = format!("holds {n} values: expected more than {} ({})", windows.first(), why(windows));
            return Err(Error::data(path, what, "give a longer series"));
        }
        Ok(self.windows(windows, windows.first()..n))
    }

    /// Returns the windows that predict the next h values after the end of the series. Fails if it is shorter than the windows.
    pub fn next(&self, path: &Path, windows: &Windows) -> Result<Images> {
        let n = self.values.len();
        if n < windows.first() {
            let what = format!("holds {n} values: expected at least {} ({})", windows.first(), why(windows));
            return Err(Error::data(path, what, "give a longer series"));
        }
        Ok(self.windows(windows, n..n + windows.horizon))
    }

    /// Splits the values into training, validation and test, one after the other, by these fractions, and returns the windows
    /// that predict those of each. The checksum is that of the file.
    ///
    /// Fails if fewer than ten windows are left to train on, or a split that is to be there would be empty.
    pub fn divided(&self, path: &Path, windows: &Windows, fractions: [f64; 3]) -> Result<ImageData> {
        let n = self.values.len();
        let sizes = apportion(n, &fractions);
        let (first, training) = (windows.first(), sizes[Split::Train as usize]);
        if training < first + FEWEST || sizes.iter().zip(fractions).any(|(&size, f)| f > 0.0 && size == 0) {
            let what = format!(
                "holds {n} values, of which {training} are for training: expected at least {} ({}, and {FEWEST} windows to learn \
                 from)",
                first + FEWEST,
                why(windows)
            );
            return Err(Error::data(
                path,
                what,
                "give a longer series, or lower data.series.lags, data.val or data.test",
            ));
        }
        let ends = [training, training + sizes[Split::Val as usize], n];
        Ok(ImageData {
            train: self.windows(windows, first..ends[0]),
            val: self.windows(windows, ends[0]..ends[1]),
            test: self.windows(windows, ends[1]..ends[2]),
            classes: Vec::new(),
            skipped: Vec::new(),
            ignored: BTreeMap::new(),
            leakage: Vec::new(),
            sha256: files::sha256(path)?,
            given_splits: false,
            grouped: None,
        })
    }
}

/// What the values before the first predicted one are.
fn why(windows: &Windows) -> String {
    let lags = format!("{} for the lags", windows.lags);
    match windows.horizon {
        1 => lags,
        horizon => format!("{lags}, {} more up to the predicted value", horizon - 1),
    }
}

/// What is wrong, and what to do.
type Fault = (String, String);

/// The unit in which times are counted.
#[derive(Clone, Copy, PartialEq)]
enum Unit {
    Day,
    Month,
    Number,
}

/// Returns the time of the first row in steps. Fails if a cell holds no time, or the times do not rise by equal steps.
fn begins(column: &str, cells: &[String], lines: &[usize]) -> Result<f64, Fault> {
    let dates: Option<Vec<[i64; 3]>> = match cells.first().and_then(|cell| date(cell)) {
        Some(_) => Some(all(column, cells, lines, "a date such as 1979-01-31", date)?),
        None => None,
    };
    let (times, unit): (Vec<f64>, Unit) = match dates {
        // Months differ in their number of days: a date a month is an equal step all the same.
        Some(dates) if dates.len() > 1 && dates.iter().all(|d| d[2] == dates[0][2]) => {
            (dates.iter().map(|[y, m, _]| (12 * (y - 1970) + m - 1) as f64).collect(), Unit::Month)
        }
        Some(dates) => (dates.into_iter().map(|[y, m, d]| days_from_civil(y, m, d) as f64).collect(), Unit::Day),
        None => {
            let number = |cell: &str| cell.parse::<f64>().ok().filter(|time| time.is_finite());
            (all(column, cells, lines, "a date such as 1979-01-31, or a number", number)?, Unit::Number)
        }
    };
    let mut steps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let Some(&first) = steps.first() else { return Ok(0.0) };
    steps.sort_by(f64::total_cmp);
    let step = steps[steps.len() / 2];
    // Numbers may be rounded in their last digit; days and months are whole.
    let is_step = |d: f64| (d - step).abs() <= if unit == Unit::Number { 1e-3 * step.abs() } else { 0.0 };
    if step > 0.0 && is_step(first) && times.windows(2).all(|pair| is_step(pair[1] - pair[0])) {
        return Ok(times[0] / step);
    }
    let bad = times.windows(2).position(|pair| step <= 0.0 || !is_step(pair[1] - pair[0])).unwrap_or(0);
    let (before, after) = (cells[bad].escape_debug(), cells[bad + 1].escape_debug());
    let what = format!("line {}, {column} holds `{after}` after `{before}`", lines[bad + 1]);
    if step <= 0.0 || times[bad + 1] <= times[bad] {
        return Err((format!("{what}: expected times that rise"), "sort the rows by time, each time once".to_owned()));
    }
    let counted = |steps: f64| match unit {
        Unit::Number => format!("a step of {}", (steps * 1e9).round() / 1e9),
        unit => {
            let noun = if unit == Unit::Day { "day" } else { "month" };
            format!("a step of {steps} {noun}{}", if steps == 1.0 { "" } else { "s" })
        }
    };
    let found = counted(times[bad + 1] - times[bad]);
    let help = if times[bad + 1] - times[bad] > step {
        "add the missing rows between the two (with interpolated values, say), or cut the series there"
    } else {
        "remove the row between the others, or give a series with equal steps"
    };
    Err((format!("{what}, {found}: expected {}, as between most rows", counted(step)), help.to_owned()))
}

/// Reads all cells; fails with the line of the first that holds no time.
fn all<R>(
    column: &str,
    cells: &[String],
    lines: &[usize],
    expected: &str,
    read: impl Fn(&str) -> Option<R>,
) -> Result<Vec<R>, Fault> {
    let each = cells.iter().zip(lines).map(|(cell, line)| {
        read(cell).ok_or_else(|| {
            let what = format!("line {line}, {column} holds `{}`: expected {expected}", cell.escape_debug());
            (what, "correct it, or name another column by data.series.time".to_owned())
        })
    });
    each.collect()
}

/// Returns year, month and day of `19790131` or `1979-01-31`.
fn date(cell: &str) -> Option<[i64; 3]> {
    let plain = cell.len() == 8 && cell.bytes().all(|b| b.is_ascii_digit());
    let parts: [&str; 3] = match plain {
        true => [&cell[..4], &cell[4..6], &cell[6..]],
        false => cell.split('-').collect::<Vec<_>>().try_into().ok()?,
    };
    let of = |part: &str, digits: usize| {
        (part.len() == digits && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse::<i64>().ok())?
    };
    let [y, m, d] = [of(parts[0], 4)?, of(parts[1], 2)?, of(parts[2], 2)?];
    let leap = y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let longest = match m {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => 31,
    };
    ((1..=12).contains(&m) && (1..=longest).contains(&d)).then_some([y, m, d])
}

/// Returns the days from 1970-01-01 to a date of the Gregorian calendar (Hinnant 2013, `days_from_civil`): years begin in March,
/// so that the day that not all years have is the last of a year.
fn days_from_civil(y: i64, m: i64, d: i64) -> i64 {
    let y = if m <= 2 { y - 1 } else { y };
    let era = y.div_euclid(400);
    let year = y - 400 * era;
    let day = (153 * ((m + 9) % 12) + 2) / 5 + d - 1;
    146_097 * era + 365 * year + year / 4 - year / 100 + day - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(n: usize) -> Series {
        Series {
            name: "x".into(),
            values: (0..n).map(|i| i as f32).collect(),
            names: (0..n).map(|i| i.to_string()).collect(),
            begins: 0.0,
            notes: Vec::new(),
        }
    }

    fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("series.csv");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn days_of_the_calendar_by_hand() {
        let of = |cell: &str| date(cell).map(|[y, m, d]| days_from_civil(y, m, d));
        assert_eq!((of("19700101"), of("1970-03-01"), of("1969-12-31")), (Some(0), Some(59), Some(-1)));
        assert_eq!((of("20000229"), of("2000-03-01"), of("20241231")), (Some(11_016), Some(11_017), Some(20_088)));
        for wrong in
            ["19000229", "20011301", "20010431", "2001-1-1", "2001/01/01", "200101", "+0010101", "1979-01-31-1"]
        {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_window_by_hand() {
        let windows = Windows { lags: 3, horizon: 2, season: 8.0, harmonics: 1 };
        let s = Series { begins: 1.0, ..series(10) };
        // x[4] from x[0], x[1], x[2]; its time is 5 of a season of 8 steps.
        let first = s.windows(&windows, 4..6);
        let (sin, cos) = (-0.5f32.sqrt(), -0.5f32.sqrt());
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near(&first.pixels.data()[..5], &[0.0, 1.0, 2.0, sin, cos]), "{:?}", first.pixels.data());
        assert_eq!(
            (first.target.values().unwrap().data(), &first.names[..]),
            (&[4.0, 5.0][..], &["4".into(), "5".into()][..])
        );
        assert_eq!(first.columns.features.join(" "), "lag 3 lag 2 lag 1 sin 1 cos 1");
        // The next two values are predicted from what is known.
        let next = s.next(Path::new("x.csv"), &windows).unwrap();
        assert_eq!((&next.pixels.data()[..3], &next.pixels.data()[5..8]), (&[6.0, 7.0, 8.0][..], &[7.0, 8.0, 9.0][..]));
        assert!(next.target.values().is_none() && next.names == ["row 11", "row 12"]);
        assert_eq!(windows.spanned(&s.windows(&windows, 4..9)), (0..9).map(|i| i as f32).collect::<Vec<_>>());
    }

    /// No window sees the value that it predicts or a later one; what is predicted is split in order, whatever the lags.
    #[test]
    fn no_window_crosses_into_the_future() {
        let (_folder, path) = file("x\n1\n");
        for (lags, horizon) in [(1, 1), (4, 1), (4, 3), (20, 7)] {
            let windows = Windows { lags, horizon, season: 0.0, harmonics: 0 };
            let data = series(100).divided(&path, &windows, [0.6, 0.2, 0.2]).unwrap();
            let targets = |images: &Images| images.target.values().unwrap().data().to_vec();
            for (_, images) in data.splits() {
                for (row, target) in images.pixels.data().chunks(lags).zip(targets(images)) {
                    let last = target - horizon as f32;
                    let expected: Vec<f32> = (0..lags).rev().map(|lag| last - lag as f32).collect();
                    assert_eq!(row, expected);
                }
            }
            let range = |from: usize, to: usize| (from..to).map(|i| i as f32).collect::<Vec<f32>>();
            assert_eq!(targets(&data.train), range(windows.first(), 60));
            assert_eq!((targets(&data.val), targets(&data.test)), (range(60, 80), range(80, 100)));
        }
    }

    /// Nothing that a model learns from depends on a value after the training part.
    #[test]
    fn later_values_change_nothing_in_training() {
        let (_folder, path) = file("x\n1\n");
        let windows = Windows { lags: 5, horizon: 2, season: 12.0, harmonics: 2 };
        let fractions = [0.7, 0.1, 0.2];
        let before = series(100).divided(&path, &windows, fractions).unwrap();
        let mut other = series(100);
        other.values[70..].iter_mut().for_each(|x| *x = 1000.0 - 3.0 * *x);
        let after = other.divided(&path, &windows, fractions).unwrap();
        assert_eq!((before.train.pixels, before.train.target), (after.train.pixels, after.train.target));
        assert_ne!(before.test.target, after.test.target);
    }

    #[test]
    fn too_short_series_are_refused() {
        let (_folder, path) = file("x\n1\n");
        let windows = Windows { lags: 22, horizon: 1, season: 0.0, harmonics: 0 };
        let refused = |n: usize| series(n).divided(&path, &windows, [0.7, 0.1, 0.2]).unwrap_err().to_string();
        assert!(
            refused(44).contains("holds 44 values, of which 31 are for training: expected at least 32"),
            "{}",
            refused(44)
        );
        assert!(series(46).divided(&path, &windows, [0.7, 0.1, 0.2]).is_ok());
        assert!(series(22).all(&path, &windows).is_err() && series(23).all(&path, &windows).is_ok());
        assert!(series(21).next(&path, &windows).is_err() && series(22).next(&path, &windows).is_ok());
    }

    fn read(text: &str, target: Option<&str>, time: Option<&str>) -> Result<Series> {
        let (_folder, path) = file(text);
        let column = |name: &str| Column::Name(name.into());
        let options =
            TableOptions { targets: Some(target.map(column).into_iter().collect()), ..TableOptions::default() };
        Series::read_csv(&path, &options, time.map(column).as_ref())
    }

    #[test]
    fn files_of_several_forms() {
        let daily = read("day,v,w,city\n19791231,1,5,a\n19800101,2,6,b\n19800102,3,7,c\n", None, Some("day")).unwrap();
        assert_eq!((daily.name.as_str(), &daily.values[..], daily.begins), ("w", &[5.0, 6.0, 7.0][..], 3651.0));
        assert!(daily.names[1] == "19800101" && daily.notes[0].contains("column 3 (`w`) is read as the series"));
        let monthly = read("m,v\n1980-01-15,1\n1980-02-15,2\n1980-03-15,3\n", Some("v"), Some("m")).unwrap();
        assert_eq!((monthly.begins, monthly.notes.len()), (120.0, 0));
        let yearly = read("t,v\n1700,5\n1702,6\n1704,6.5\n", Some("v"), Some("t")).unwrap();
        assert_eq!(yearly.begins, 850.0);
        let alone = read("1,5\n2,5\n3\n", None, None);
        assert!(alone.is_err(), "rows of one length");
        let alone = read("1.5\n2.5\n3\n", None, None).unwrap();
        assert_eq!(
            (&alone.values[..], alone.name.as_str(), alone.names[2].as_str()),
            (&[1.5, 2.5, 3.0][..], "y", "row 3")
        );
    }

    #[test]
    fn gaps_words_and_unequal_steps_are_refused_with_their_line() {
        for (text, target, time, words) in [
            ("v\n1\n\n3\n", None, None, &["line 3 is empty", "by interpolation"][..]),
            ("t,v\n1,1\n2,NA\n3,2\n", Some("v"), None, &["line 3, column 2 (`v`) holds `NA`", "by interpolation"]),
            ("t,v\n1,1\n2,\n3,2\n", None, None, &["line 3, column 2 (`v`) is empty"]),
            ("t,v\n1,1\n2,warm\n3,2\n", Some("v"), None, &["line 3", "holds `warm`", "data.target"]),
            ("t,v\n1,1\n2,2\n", Some("w"), None, &["has no column `w` (data.target): expected one of t, v"]),
            ("t,v\n1,1\n2,2\n", Some("v"), Some("w"), &["has no column `w` (data.series.time)"]),
            ("a,b\nx,u\ny,v\n", None, None, &["has no column of numbers"]),
            (
                "t,v\n20000227,1\n20000228,1\n20000301,1\n20000302,1\n",
                None,
                Some("t"),
                &[
                    "line 4",
                    "`20000301` after `20000228`, a step of 2 days: expected a step of 1 day",
                    "add the missing",
                ],
            ),
            ("t,v\n2000-01-01,1\n2000-02-01,1\n2000-04-01,1\n2000-05-01,1\n", None, Some("t"), &["line 4", "2 months"]),
            ("t,v\n2000-01-01,1\n2000-02-30,1\n", None, Some("t"), &["line 3", "holds `2000-02-30`: expected a date"]),
            ("t,v\n1,1\n2,1\n2.5,1\n3,1\n4,1\n", None, Some("t"), &["line 4", "a step of 0.5", "remove the row"]),
            ("t,v\n3,1\n2,1\n1,1\n", None, Some("t"), &["line 3", "expected times that rise"]),
            ("t,v\n1,1\nsoon,1\n", None, Some("t"), &["line 3", "holds `soon`", "or a number"]),
        ] {
            let message = read(text, target, time).err().unwrap_or_else(|| panic!("{text:?} is read")).to_string();
            words.iter().for_each(|word| assert!(message.contains(word), "{word:?}: {message}"));
        }
    }
}
