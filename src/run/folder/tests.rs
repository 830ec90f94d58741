//! Tests of run folders: created, locked, completed, replaced, damaged.

use super::*;

fn create(path: &Path, force: bool) -> Result<RunFolder> {
    let words = ["gradus".to_owned()];
    let config = "seed = 42\n";
    let beginning = Beginning { recipe: "pipeline", config, seed: 42, data: None, command_line: &words, threads: 2 };
    RunFolder::create(path, beginning, force)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(|entry| name_of(&entry.unwrap().path())).collect();
    names.sort();
    names
}

#[test]
fn a_new_folder_holds_its_config_and_environment() {
    let place = tempfile::tempdir().unwrap();
    let run = create(&place.path().join("deep/run"), false).unwrap();
    assert_eq!(run.config_text().unwrap(), "seed = 42\n");
    assert_eq!(run.recipe().unwrap(), "pipeline");
    assert_eq!(run.env("seed").unwrap(), 42);
    assert_eq!(run.env("program").unwrap(), "gradus");
    assert!(!run.is_complete());
    assert_eq!(RunFolder::finished(run.root()).unwrap_err().exit_code(), 3);
    run.complete().unwrap();
    assert!(RunFolder::open(run.root()).unwrap().is_complete());
    assert_eq!(names(&place.path().join("deep")), ["run"], "temporary folders are left");
}

/// What a finished run's files hold is compared with its checksums; what is written again is listed again.
#[test]
fn a_finished_run_is_read_with_its_checksums() {
    let place = tempfile::tempdir().unwrap();
    let run = create(&place.path().join("run"), false).unwrap();
    run.write("metrics.json", b"{\"a\": 1}").unwrap();
    run.complete().unwrap();
    drop(run);
    let path = place.path().join("run");
    let finished = || RunFolder::finished(&path);
    assert_eq!(finished().unwrap().read_json::<Value>("metrics.json").unwrap()["a"], 1);

    // A file that is added by a command that only reads is not listed, and the run stays finished.
    finished().unwrap().write("tables/more.csv", b"1").unwrap();
    assert!(finished().unwrap().is_complete());

    fs::write(path.join("metrics.json"), "{\"a\": 7}").unwrap();
    let damaged = finished().unwrap().read_json::<Value>("metrics.json").unwrap_err();
    assert!(damaged.exit_code() == 3 && damaged.to_string().contains("SHA-256"), "{damaged}");
    fs::remove_file(path.join("metrics.json")).unwrap();
    assert_eq!(finished().unwrap().read("metrics.json").unwrap_err().exit_code(), 3);

    // Written again, it is unfinished until it is completed again.
    let again = finished().unwrap().locked().unwrap();
    again.write("metrics.json", b"{\"a\": 2}").unwrap();
    assert!(!again.is_complete());
    again.complete().unwrap();
    drop(again);
    assert_eq!(finished().unwrap().read_json::<Value>("metrics.json").unwrap()["a"], 2);
    fs::remove_file(path.join(CHECKSUMS)).unwrap();
    assert!(finished().unwrap_err().to_string().contains("gradus report"));
}

#[test]
fn only_a_run_is_replaced_and_only_by_force() {
    let place = tempfile::tempdir().unwrap();
    let run = place.path().join("run");
    drop(create(&run, false).unwrap());
    fs::write(run.join("old"), "x").unwrap();
    let error = create(&run, false).unwrap_err();
    assert!(error.exit_code() == 2 && error.to_string().contains("--force"), "{error}");
    drop(create(&run, true).unwrap());
    assert!(!run.join("old").exists());

    let foreign = place.path().join("thesis");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("config.toml"), "mine = true").unwrap();
    fs::write(foreign.join("env.json"), "{}").unwrap();
    for force in [false, true] {
        assert_eq!(create(&foreign, force).unwrap_err().exit_code(), 2);
    }
    assert_eq!(fs::read_to_string(foreign.join("config.toml")).unwrap(), "mine = true");
}

/// The replaced run stays until the new one is complete, and comes back if the new one learns nothing.
#[test]
fn a_replaced_run_goes_last() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("run");
    let old = create(&path, false).unwrap();
    old.write("words", b"old").unwrap();
    old.complete().unwrap();
    drop(old);

    // It fails at once: the old run is there again, finished.
    let new = create(&path, true).unwrap();
    assert_eq!(names(place.path()), ["run", "run.replaced"]);
    assert_eq!(new.give_up(true).unwrap(), Fate::Removed { restored: true });
    drop(new);
    assert_eq!(names(place.path()), ["run"]);
    assert_eq!(RunFolder::finished(&path).unwrap().read("words").unwrap(), b"old");

    // It learns something, and is stopped; then another run replaces it in turn, and fails: the first is kept.
    let new = create(&path, true).unwrap();
    new.write("checkpoints/last.state", b"some").unwrap();
    assert_eq!(new.give_up(true).unwrap(), Fate::KeptBeside(path.with_file_name("run.replaced")));
    drop(new);
    let third = create(&path, true).unwrap();
    assert_eq!(names(place.path()), ["run", "run.replaced", "run.replaced-2"]);
    assert_eq!(third.give_up(false).unwrap(), Fate::Removed { restored: true });
    drop(third);
    assert!(path.join("checkpoints/last.state").exists());

    // Complete at last, nothing of the others is left.
    let fourth = create(&path, true).unwrap();
    fourth.write("words", b"new").unwrap();
    fourth.complete().unwrap();
    drop(fourth);
    assert_eq!(names(place.path()), ["run"]);
    assert_eq!(RunFolder::finished(&path).unwrap().read("words").unwrap(), b"new");
}

#[test]
fn a_folder_has_one_writer() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("run");
    let writer = create(&path, false).unwrap();
    assert_eq!(RunFolder::open(&path).unwrap().locked().unwrap_err().exit_code(), 2);
    assert_eq!(create(&path, true).unwrap_err().exit_code(), 2);
    drop(writer);
    RunFolder::open(&path).unwrap().locked().unwrap();
}

/// The processes of a study share its folder; no process replaces it meanwhile, and one alone writes the end.
#[test]
fn a_shared_folder_is_not_replaced() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("run");
    let first = create(&path, false).unwrap().share();
    let second = RunFolder::open(&path).unwrap().shared().unwrap();
    drop(first);
    assert_eq!(create(&path, true).unwrap_err().exit_code(), 2);
    let finisher = second.finisher().unwrap();
    assert!(finisher.is_some() && second.finisher().unwrap().is_none());
    drop(finisher);
    assert!(second.finisher().unwrap().is_some());
    drop(second);
    create(&path, true).unwrap();
}

/// A run whose folder is deleted, or replaced by another run, writes nothing there any more.
#[cfg(unix)]
#[test]
fn a_lost_folder_is_not_written() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("run");
    let lost = create(&path, false).unwrap();
    fs::remove_dir_all(&path).unwrap();
    for error in [lost.write("words", b"x"), lost.log("x"), lost.complete(), lost.write_unlisted("x", b"x")] {
        assert_eq!(error.unwrap_err().exit_code(), 1);
    }
    assert!(!path.exists());
    let other = create(&path, false).unwrap();
    let error = lost.write("words", b"x").unwrap_err();
    assert!(error.to_string().contains("deleted or replaced"), "{error}");
    other.write("words", b"y").unwrap();
    assert_eq!(names(&path), [".lock", "config.toml", "env.json", "words"]);
}

#[test]
fn what_is_no_run_is_bad_data() {
    let place = tempfile::tempdir().unwrap();
    assert_eq!(RunFolder::open(place.path()).unwrap_err().exit_code(), 3);
    assert_eq!(RunFolder::open(&place.path().join("none")).unwrap_err().exit_code(), 3);
}
