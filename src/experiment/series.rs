//! The settings of data that are a time series, and how its windows are read.

use crate::data::{Column, ImageData, Images, Series, TableOptions, Windows};
use crate::error::{Error, Result};
use crate::run::{Watch, memory};
use crate::tensor::Tensor;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Section `[data.series]`: what is seen of a time series, and what is predicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SeriesSettings {
    /// How many of the last values a prediction is made from, 1 to 10000.
    #[schemars(extend("unit" = "steps"))]
    pub lags: usize,
    /// How far ahead the predicted value lies, 1 to 10000: 1 is the next value.
    #[schemars(extend("unit" = "steps"))]
    pub horizon: usize,
    /// The period of the season, 2 to 1e9, such as 365.25 for the year of a daily series; 0 for none.
    #[schemars(extend("unit" = "steps"))]
    pub season: f64,
    /// Harmonics of the season, pairs sin and cos of 2 pi k t / season for k = 1, 2, .., t being the place of the predicted value
    /// (or its time, if `time` names a column): 0 to 1000, and at most half the season.
    pub harmonics: usize,
    /// The column with the times of the rows, by name or number: dates such as 19790131 or 1979-01-31, or numbers. They must rise
    /// by equal steps. Without it, the rows are taken as such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Column>,
}

impl Default for SeriesSettings {
    fn default() -> Self {
        Self { lags: 22, horizon: 1, season: 0.0, harmonics: 2, time: None }
    }
}

impl SeriesSettings {
    /// What a sample is.
    pub fn windows(&self) -> Windows {
        let Self { lags, horizon, season, harmonics, .. } = *self;
        Windows { lags, horizon, season, harmonics }
    }

    /// Checks every number against its range.
    pub fn validate(&self) -> Result<()> {
        Error::in_range("data.series.lags", self.lags as f64, 1.0, 1e4)?;
        Error::in_range("data.series.horizon", self.horizon as f64, 1.0, 1e4)?;
        Error::in_range("data.series.harmonics", self.harmonics as f64, 0.0, 1e3)?;
        if self.season == 0.0 {
            return Ok(());
        }
        if !(2.0..=1e9).contains(&self.season) {
            let what = format!("is {}: expected a period of 2 to 1e9 steps, or 0 for no season", self.season);
            return Err(Error::config("data.series.season", what, "give the period in steps, such as 365.25"));
        }
        if self.harmonics as f64 > self.season / 2.0 {
            let what = format!(
                "is {}, more than half the season of {} steps: a faster wave looks like a slower one at such steps",
                self.harmonics, self.season
            );
            let most = (self.season / 2.0).floor();
            return Err(Error::config("data.series.harmonics", what, format!("give {most} at most")));
        }
        Ok(())
    }

    /// The series of a file, if its windows fit into memory.
    fn series(&self, path: &Path, options: &TableOptions, watch: &mut dyn Watch) -> Result<Series> {
        let series = Series::read_csv(path, options, self.time.as_ref())?;
        series.notes.iter().for_each(|line| watch.note(line));
        let bytes = 4 * series.values.len() as u64 * self.windows().width() as u64;
        memory::demand("data.series.lags", "the windows of the series", 3 * bytes, "make it smaller")?;
        Ok(series)
    }

    /// The windows of a file in their three splits.
    pub fn divided(
        &self,
        path: &Path,
        options: &TableOptions,
        fractions: [f64; 3],
        watch: &mut dyn Watch,
    ) -> Result<ImageData> {
        self.series(path, options, watch)?.divided(path, &self.windows(), fractions)
    }

    /// All windows of a file.
    pub fn all(&self, path: &Path, options: &TableOptions, watch: &mut dyn Watch) -> Result<Images> {
        self.series(path, options, watch)?.all(path, &self.windows())
    }

    /// The inputs of the windows that predict the values after the end of a file, and the row that the first of them would have.
    pub fn next(&self, path: &Path, options: &TableOptions, watch: &mut dyn Watch) -> Result<(Tensor, usize)> {
        let series = self.series(path, options, watch)?;
        Ok((series.next(path, &self.windows())?.pixels, series.values.len() + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_their_range_are_refused() {
        let usual = SeriesSettings::default;
        assert!(
            usual().validate().is_ok() && SeriesSettings { season: 2.0, harmonics: 1, ..usual() }.validate().is_ok()
        );
        for (settings, words) in [
            (SeriesSettings { lags: 0, ..usual() }, "data.series.lags: is 0, outside 1 to 10000"),
            (SeriesSettings { horizon: 0, ..usual() }, "data.series.horizon: is 0"),
            (SeriesSettings { season: 1.0, ..usual() }, "data.series.season: is 1: expected a period of 2"),
            (SeriesSettings { season: -7.0, ..usual() }, "data.series.season: is -7"),
            (SeriesSettings { season: f64::NAN, ..usual() }, "data.series.season: is NaN"),
            (SeriesSettings { season: 7.0, harmonics: 4, ..usual() }, "data.series.harmonics: is 4, more than half"),
        ] {
            let message = settings.validate().unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}
