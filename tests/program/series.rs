//! Time series: windows, chronological splits, forecasts beside simpler ones, and what is refused.

use crate::common::{data_folder, empty_folder, gradus, json};
use gradus::rng::Rng;
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// `n` days from 2001-01-01: a season of 24 days, an autoregression of order 1 around it, and a column of words beside.
fn daily(path: &Path, n: usize, from: usize) {
    let mut rng = Rng::new(1, "test", 0);
    let (mut text, mut state) = ("city,day,heat\n".to_owned(), 0.0);
    let [mut year, mut month, mut day] = [2001, 1, 1usize];
    for i in 0..from + n {
        state = 0.7 * state + rng.normal();
        let heat = 280.0 + 4.0 * (std::f64::consts::TAU * i as f64 / 24.0).sin() + state;
        if i >= from {
            writeln!(text, "Ghent,{year}{month:02}{day:02},{heat:.4}").unwrap();
        }
        let leap = year % 4 == 0;
        let longest = [31, 28 + usize::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
        (day, month, year) = match (day == longest, month) {
            (true, 12) => (1, 1, year + 1),
            (true, _) => (1, month + 1, year),
            _ => (day + 1, month, year),
        };
    }
    fs::write(path, text).unwrap();
}

const AR: &str = r#"name = "ar"
kind = "linear"

[data]
kind = "series"
path = "days.csv"
target = "heat"
val = 0.1
test = 0.2

[data.series]
time = "day"
lags = 3
season = 24
harmonics = 1
"#;

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("not a number: {value}"))
}

#[test]
fn a_forecast_is_trained_reported_and_continued_after_the_end() {
    let folder = empty_folder("series");
    daily(&folder.join("days.csv"), 900, 0);
    fs::write(folder.join("ar.toml"), AR).unwrap();
    let metrics = gradus(&folder, &["train", "ar.toml", "--out", "run", "--json"]).says(0, &[]).json();
    // 630 days of training, of which three are not predicted; then 90 and 180.
    let sizes = ["train", "val", "test"].map(|split| metrics["data"][split][0].as_u64().unwrap());
    assert_eq!(sizes, [627, 90, 180]);
    let forecasts = &metrics["forecasts"];
    let mse = |of: &Value| number(&of["errors"]["mse"]);
    let model = mse(&forecasts["model"]);
    assert!((0.7..1.3).contains(&model), "the noise has a variance of 1: {forecasts}");
    assert_eq!(model, number(&metrics["test"]["mse"]));
    let baselines = &forecasts["baselines"];
    // Variances of 1.96 around the season, of about 9.9 around the mean, and 1.18 + 0.6 of a step.
    for (name, low, high) in [("persistence", 1.2, 2.2), ("season", 1.5, 2.6), ("mean", 7.0, 13.0)] {
        let found = mse(&baselines[name]);
        assert!((low..high).contains(&found), "{name}: {found}");
        let difference = &baselines[name]["model_minus_this"];
        assert!(
            (number(&difference["difference"]) - (model - found)).abs() < 1e-9
                && number(&difference["interval"][1]) < 0.0
        );
    }
    let free = &forecasts["free_running"];
    let steps = free["model"]["mse"].as_array().unwrap();
    assert!(steps.len() == 30 && (0.6..1.4).contains(&number(&steps[0])), "{free}");
    // Far ahead only the season is left.
    let far = number(&steps[29]) / number(&free["baselines"]["season"]["mse"][29]);
    assert!((0.8..1.25).contains(&far), "{free}");
    let until = |name: &str| free["baselines"][name]["model_is_better_up_to"].as_u64().unwrap();
    assert!((1..12).contains(&until("season")) && until("mean") == 30, "{free}");
    let report = fs::read_to_string(folder.join("run/report.html")).unwrap();
    for words in
        ["Forecasts", "forecasts are better than persistence", "free-running model is better than the season alone"]
    {
        assert!(report.contains(words), "{words}");
    }
    for figure in ["forecast", "forecast_error", "series", "weights"] {
        assert!(folder.join(format!("run/figures/{figure}.png")).exists(), "{figure}");
    }
    let rows = fs::read_to_string(folder.join("run/tables/predictions.csv")).unwrap();
    assert!(rows.lines().nth(1).unwrap().starts_with("20021222,"), "{rows}");

    // Other lags are tested on the same values, by the same scale.
    let more = ["--set", "data.series.lags=9", "--out", "more", "--json"];
    let other = gradus(&folder, &[&["train", "ar.toml"], &more[..]].concat()).says(0, &[]).json();
    assert_eq!(other["data"]["test_set"], metrics["data"]["test_set"]);
    assert_eq!(other["data"]["train"][0], 621);
    let scale = |run: &str| {
        let text = fs::read_to_string(folder.join(run).join("preparation.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()["values"].clone()
    };
    assert_eq!(scale("run"), scale("more"));
    gradus(&folder, &["compare", "run", "more", "--json"]).says(0, &[]);
    gradus(&folder, &["train", "--resume", "run"]).says(0, &[]);

    // Another part of the series, whose season is found by its dates; and the value after the end of the first.
    let again = gradus(&folder, &["evaluate", "run", "--json"]).says(0, &[]).json();
    assert_eq!(again["mse"], metrics["test"]["mse"]);
    daily(&folder.join("later.csv"), 200, 911);
    let later = gradus(&folder, &["evaluate", "run", "--data", "later.csv", "--json"]).says(0, &[]).json();
    assert!((0.7..1.4).contains(&number(&later["mse"])), "{later}");
    let next = gradus(&folder, &["predict", "run", "days.csv", "--json"]).says(0, &[]).json();
    daily(&folder.join("longer.csv"), 901, 0);
    let longer = fs::read_to_string(folder.join("longer.csv")).unwrap();
    let value: f64 = longer.lines().last().unwrap().rsplit(',').next().unwrap().parse().unwrap();
    assert_eq!((next.as_array().unwrap().len(), &next[0]["row"]), (1, &901.into()));
    assert!((number(&next[0]["values"][0]["value"]) - value).abs() < 4.0, "{next} for {value}");
}

/// What is learned does not depend on what comes after the training part: weights, scales, the samples themselves.
#[test]
fn later_values_change_nothing_that_is_learned() {
    let folder = empty_folder("series-future");
    daily(&folder.join("days.csv"), 300, 0);
    fs::write(folder.join("ar.toml"), AR).unwrap();
    gradus(&folder, &["train", "ar.toml", "--out", "before"]).says(0, &[]);
    let text = fs::read_to_string(folder.join("days.csv")).unwrap();
    let changed = text.lines().enumerate().map(|(i, line)| match i {
        0..=210 => format!("{line}\n"),
        _ => format!("{},{}\n", line.rsplit_once(',').unwrap().0, 1000 - i),
    });
    fs::write(folder.join("days.csv"), changed.collect::<String>()).unwrap();
    gradus(&folder, &["train", "ar.toml", "--out", "after"]).says(0, &[]);
    let file = |run: &str, name: &str| fs::read(folder.join(run).join(name)).unwrap();
    for name in ["preparation.json", "checkpoints/model-best.safetensors"] {
        assert!(file("before", name) == file("after", name), "{name}");
    }
    assert_ne!(file("before", "tables/predictions.csv"), file("after", "tables/predictions.csv"));
}

/// A network that predicts several steps ahead at once; and a study of the lags on one validation split.
#[test]
fn networks_and_studies_of_lags() {
    let folder = empty_folder("series-network");
    daily(&folder.join("days.csv"), 300, 0);
    let network = AR.replace("\"linear\"", "\"regress\"").replace("lags = 3", "lags = 3\nhorizon = 4");
    fs::write(folder.join("net.toml"), format!("{network}\n[model]\nhidden = [4]\n\n[train]\nepochs = 3\n")).unwrap();
    let metrics = gradus(&folder, &["train", "net.toml", "--out", "net", "--json"]).says(0, &[]).json();
    assert_eq!((&metrics["forecasts"]["horizon"], &metrics["forecasts"]["free_running"]), (&4.into(), &Value::Null));
    let report = fs::read_to_string(folder.join("net/report.html")).unwrap();
    assert!(report.contains("predicts 4 steps ahead at once") && !report.contains("NaN"));
    let next = gradus(&folder, &["predict", "net", "days.csv", "--json"]).says(0, &[]).json();
    assert_eq!(next.as_array().unwrap().iter().map(|row| row["row"].clone()).collect::<Vec<_>>(), [301, 302, 303, 304]);
    gradus(&folder, &["train", "net.toml", "--smoke", "--out", "smoke"]).says(0, &[]);

    let space = "\n[study]\nsampler = \"grid\"\ntrials = 3\nvalues = 3\n\n[study.space]\n\"data.series.lags\" = { int = [1, 3] }\n";
    fs::write(folder.join("study.toml"), format!("{AR}{space}")).unwrap();
    gradus(&folder, &["study", "study.toml", "--out", "study", "--json"]).says(0, &[]);
    // Trials are fitted by least squares too: the best is trained again and has the same loss.
    let best: Value = json(folder.join("study/best/metrics.json"));
    let study: Value = json(folder.join("study/metrics.json"));
    let value = number(&study["best"]["value"]);
    assert!((value - number(&best["val"]["loss"])).abs() < 1e-9, "{value} {best}");
}

#[test]
fn what_makes_no_sense_for_a_series_is_refused() {
    let folder = empty_folder("series-refused");
    daily(&folder.join("days.csv"), 120, 0);
    fs::write(folder.join("ar.toml"), AR).unwrap();
    for (set, code, words) in [
        ("validation.folds=5", 2, &["validation", "divides the samples at random", "data.val"][..]),
        ("data.columns=[\"heat\"]", 2, &["data.columns", "its own last values"]),
        ("data.label=heat", 2, &["data.label", "data.target"]),
        ("data.features=hog", 2, &["data.features", "is for images"]),
        ("data.normalize=per_image", 2, &["data.normalize", "per_image"]),
        ("data.gaps=median", 2, &["data.gaps", "is for tables"]),
        ("data.augment.noise=0.1", 2, &["data.augment"]),
        ("data.target=[\"heat\", \"day\"]", 2, &["data.target", "a series is one"]),
        ("data.series.lags=10001", 2, &["data.series.lags", "outside 1 to 10000"]),
        ("data.series.lags=80", 3, &["120 values, of which 84 are for training", "at least 90"]),
        ("data.target=city", 3, &["line 2", "holds `Ghent`", "data.target"]),
        ("data.series.time=city", 3, &["line 2", "holds `Ghent`", "data.series.time"]),
        ("kind=som", 2, &["data.target", "kind = \"regress\""]),
    ] {
        gradus(&folder, &["train", "ar.toml", "--set", set, "--out", "run"]).says(code, words);
        assert!(!folder.join("run").exists(), "{set}: a refused run left a folder");
    }
    let classes = AR.replace("kind = \"linear\"", "kind = \"classify\"").replace("target = \"heat\"\n", "");
    fs::write(folder.join("classes.toml"), format!("{classes}[model]\nhidden = [3]\n")).unwrap();
    gradus(&folder, &["train", "classes.toml", "--out", "run"]).says(2, &["data.kind", "kind = \"regress\""]);
    // What the lags of a longer window would need is seen where it is read.
    gradus(&folder, &["train", "ar.toml", "--out", "run"]).says(0, &[]);
    fs::write(folder.join("short.csv"), "day,heat\n20010101,280\n20010102,281\n").unwrap();
    gradus(&folder, &["predict", "run", "short.csv"]).says(3, &["2 values", "at least 3"]);
    gradus(&folder, &["evaluate", "run", "--data", "short.csv"]).says(3, &["2 values", "more than 3"]);
}

/// The built-in autoregression on the temperatures of two cities, if they are there: errors in K², near those of other programs.
#[test]
fn temperatures_of_two_cities() {
    let Some(data) = data_folder("temperature") else { return };
    let folder = empty_folder("series-cities");
    // Persistence is a plain sum over the last 2,837 values.
    for (city, lags, [persistence, model, with_season]) in
        [("brussels", "22", [8.024_99, 7.26, 6.99]), ("rio-de-janeiro", "29", [1.463_14, 1.27, 1.23])]
    {
        let path = data.join(format!("{city}.csv")).display().to_string();
        let run = |season: &str| {
            let set = [format!("data.series.lags={lags}"), format!("data.series.season={season}")];
            let words = ["train", "series-ar", "--data", &path, "--set", &set[0], "--set", &set[1]];
            gradus(&folder, &[&words[..], &["--out", &format!("{city}-{season}"), "--json"]].concat())
                .says(0, &[])
                .json()
        };
        let (plain, seasonal) = (run("0"), run("365.25"));
        let mse = |metrics: &Value, of: &str| match of {
            "model" => number(&metrics["forecasts"]["model"]["errors"]["mse"]),
            of => number(&metrics["forecasts"]["baselines"][of]["errors"]["mse"]),
        };
        assert!((mse(&plain, "persistence") - persistence).abs() < 1e-4, "{city}");
        for (found, expected) in [(mse(&plain, "model"), model), (mse(&seasonal, "model"), with_season)] {
            assert!((found / expected - 1.0).abs() < 0.01, "{city}: {found} for {expected}");
        }
    }
}
