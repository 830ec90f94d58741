"""Which search is faster? Optuna's TPE beside ours, and beside random search, on the study of study_race.

    python3 benches/peers/optuna_race.py FOLDER [FIRST LAST] [--multivariate]      (needs optuna, and a release build)

FOLDER holds Fashion-MNIST's files. For each seed from FIRST to LAST (0 to 4) `gradus study` runs random search without
pruning and TPE with the median rule, as notebooks_equiv/study_race.rs does. Then Optuna searches the same space with as
many trials, its own TPE and its own median rule; each of its trials is a `gradus train` of the same file. It reports after
which fraction of random search's epochs a search has reached the loss at which random search ends: for each seed (1 if
never), and for the mean of the best losses so far over the seeds.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "notebooks_equiv/study_race.toml"
GRADUS = ROOT / "target/release/gradus"
TRIALS, WARMUP, STARTUP = 30, 1, 5  # the file's trials; our median rule's settings


def gradus(*words):
    subprocess.run([GRADUS, *map(str, words)], check=True, capture_output=True)


def ours(data, seed, sampler, pruner):
    """The values after each epoch of a study of ours, trial after trial."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        gradus("study", FILE, "--set", f"data.path={data}", "--seed", seed, "--sampler", sampler, "--pruner", pruner, "--out", out)
        study = optuna.load_study(study_name="race", storage=JournalStorage(JournalFileBackend(str(out / "study.jsonl"))))
        return [value for trial in study.trials for value in trial.intermediate_values.values()]


def theirs(data, seed, multivariate):
    """The same of Optuna."""
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=multivariate, group=multivariate)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP, n_warmup_steps=WARMUP)
    study = optuna.create_study(sampler=sampler, pruner=pruner)
    values = []

    def train(trial):
        kind = trial.suggest_categorical("train.optimizer.kind", ["adam", "sgd"])
        settings = {
            "train.optimizer.kind": kind,
            "train.optimizer.lr": trial.suggest_float("train.optimizer.lr", 1e-5, 1.0, log=True),
            "train.optimizer.weight_decay": trial.suggest_float("train.optimizer.weight_decay", 1e-6, 1e-2, log=True),
            "model.layer.linear1.units": trial.suggest_int("model.layer.linear1.units", 16, 256, log=True),
            "model.layer.dropout1.p": trial.suggest_float("model.layer.dropout1.p", 0.0, 0.6),
        }
        if kind == "sgd":
            settings["train.optimizer.momentum"] = trial.suggest_float("train.optimizer.momentum", 0.0, 0.95)
        # A trial is trained whole; what a pruned one had not yet seen is not counted.
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
            try:
                gradus("train", FILE, "--set", f"data.path={data}", *words, "--seed", 1000 * (seed + 1) + trial.number, "--out", out)
            except subprocess.CalledProcessError as error:
                if error.returncode != 4:  # diverged
                    raise
            curve = [json.loads(line)["val_loss"] for line in (out / "history.jsonl").read_text().splitlines()]
        for step, value in enumerate(curve, 1):
            values.append(value)
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned()
        return min(curve, default=float("inf"))

    study.optimize(train, n_trials=TRIALS)
    return values


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("first", nargs="?", type=int, default=0)
    parser.add_argument("last", nargs="?", type=int, default=4)
    parser.add_argument("--multivariate", action="store_true", help="Optuna's TPE with joint densities")
    args = parser.parse_args()
    shares, curves, ends = {"ours": [], "Optuna": []}, {"ours": [], "Optuna": []}, []
    for seed in range(args.first, args.last + 1):
        random = ours(args.data, seed, "random", "none")
        goal = min(random)
        ends.append(goal)
        searches = {"ours": ours(args.data, seed, "tpe", "median"), "Optuna": theirs(args.data, seed, args.multivariate)}
        words = [f"seed {seed}: random ends at {goal:.5f}"]
        for name, values in searches.items():
            reached = next((at for at, value in enumerate(values, 1) if value <= goal), None)
            shares[name].append(1.0 if reached is None else reached / len(random))
            curves[name].append([min(values[:epoch]) for epoch in range(1, len(random) + 1)])
            words.append(f"{name} reaches it after {shares[name][-1]:.2f}, ends at {min(values):.5f} ({len(values)} epochs)")
        print("; ".join(words), flush=True)
    mean = lambda values: sum(values) / len(values)
    goal = mean(ends)
    print(f"mean: random ends at {goal:.5f}")
    for name in shares:
        curve = [mean(values) for values in zip(*curves[name])]
        there = next((f"after {at / len(curve):.2f} of its epochs" for at, value in enumerate(curve, 1) if value <= goal), "never")
        half = curve[len(curve) // 2 - 1]
        print(f"{name}: there {there}, at {half:.5f} after half of them, at {curve[-1]:.5f} at the end; mean of the shares {mean(shares[name]):.3f}")


optuna.logging.set_verbosity(optuna.logging.WARNING)
main()
