"""What Optuna makes of the journal of a study.

    python3 benches/peers/optuna_check.py FOLDER        (needs optuna)

FOLDER is filled, and this script run, by

    GRADUS_PEERS_PYTHON=/path/to/python cargo test --test study optuna

It holds study.jsonl, study.db made of it, and known.json, which says what the study's own side knows: every trial and
the best one. Optuna must find the same in the journal and in the database, and be able to continue both.
"""

import json
import sys
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend


STATES = {"Complete": "COMPLETE", "Pruned": "PRUNED", "Failed": "FAIL"}


def check(storage, known):
    (summary,) = optuna.get_all_study_summaries(storage)
    study = optuna.load_study(study_name=summary.study_name, storage=storage)
    assert study.direction.name == known["direction"].upper(), study.direction
    assert study.user_attrs == {"seed": 1}, study.user_attrs
    assert len(study.trials) == len(known["trials"])
    for trial, ours in zip(study.trials, known["trials"]):
        assert trial.state.name == STATES[ours["state"]], (trial.number, trial.state)
        assert trial.value == ours["value"], (trial.number, trial.value)
        assert trial.params == ours["params"], (trial.number, trial.params, ours["params"])
        assert trial.intermediate_values == {step: value for step, value in ours["curve"]}, trial.number
        assert trial.user_attrs["seed"] == ours["seed"]
        assert trial.user_attrs.get("fault", "") == ours["fault"]
        assert trial.datetime_start <= trial.datetime_complete
    assert study.best_trial.number == known["best"], (study.best_trial.number, known["best"])
    # Its own samplers learn from our trials and continue the study.
    study.sampler = optuna.samplers.TPESampler(seed=1)
    trial = study.ask({name: d for t in study.trials for name, d in t.distributions.items() if name in ("lr", "p")})
    study.tell(trial, 1.0)
    assert len(study.trials) == len(known["trials"]) + 1
    return len(known["trials"]), study.best_trial.number


def main(folder):
    known = json.loads((folder / "known.json").read_text())
    journal = JournalStorage(JournalFileBackend(str(folder / "study.jsonl")))
    database = "sqlite:///" + str(folder / "study.db")
    for storage in (journal, database):
        trials, best = check(storage, known)
        print("optuna", optuna.__version__, type(storage).__name__, "trials", trials, "best", best)


optuna.logging.set_verbosity(optuna.logging.WARNING)
main(Path(sys.argv[1]))
