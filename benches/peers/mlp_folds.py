"""scikit-learn's MLPClassifier over the grid of the built-in study `mlp-tables`, on the folds that a run of ours wrote.

    python benches/peers/mlp_folds.py TABLE.csv RUN/tables/folds.csv [--out FILE.json]

TABLE.csv has no header and its class in the last column, as for the run. RUN/tables/folds.csv names each row outside the test
split and its fold in each repeat. For each point of the grid the mean accuracy over all folds and repeats is printed, with its
standard deviation and seconds, the best at the end. Columns are brought to mean 0 and deviation 1 over each fold's training
rows, as ours are. Needs numpy and scikit-learn.
"""

import argparse
import csv
import itertools
import json
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

SOLVERS = ["lbfgs", "sgd", "adam"]
ACTIVATIONS = ["relu", "tanh", "logistic", "identity"]
HIDDEN = [(20, 20), (20, 50), (50, 50), (50, 20), (100, 100), (50, 100, 100)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("folds", type=Path)
    parser.add_argument("--max-iter", type=int, default=200, help="epochs of a training (scikit-learn's default)")
    parser.add_argument("--solver", action="append", choices=SOLVERS, help="only these solvers")
    parser.add_argument("--activation", action="append", choices=ACTIVATIONS, help="only these activations")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")  # a training that ends at max_iter warns

    with options.table.open() as file:
        cells = [row for row in csv.reader(file) if row]
    x = np.array([row[:-1] for row in cells], dtype=float)
    y = np.array([row[-1] for row in cells])
    with options.folds.open() as file:
        folds = list(csv.DictReader(file))
    rows = np.array([int(row["sample"].removeprefix("row ")) - 1 for row in folds])
    repeats = [key for key in folds[0] if key.startswith("repeat")]
    assigned = {key: np.array([int(row[key]) for row in folds]) for key in repeats}

    results = []
    grid = itertools.product(options.solver or SOLVERS, options.activation or ACTIVATIONS, HIDDEN)
    for solver, activation, hidden in grid:
        began, accuracies = time.perf_counter(), []
        for repeat, fold in assigned.items():
            for number in np.unique(fold):
                train, test = rows[fold != number], rows[fold == number]
                scaler = StandardScaler().fit(x[train])
                model = MLPClassifier(
                    hidden, activation=activation, solver=solver, max_iter=options.max_iter, random_state=42
                )
                model.fit(scaler.transform(x[train]), y[train])
                accuracies.append(model.score(scaler.transform(x[test]), y[test]))
        point = dict(solver=solver, activation=activation, hidden=list(hidden), mean=float(np.mean(accuracies)))
        point |= dict(deviation=float(np.std(accuracies, ddof=1)), seconds=time.perf_counter() - began)
        results.append(point)
        print(f"{solver:6} {activation:9} {str(hidden):15} {point['mean']:.4f} ± {point['deviation']:.4f}"
              f"  {point['seconds']:6.1f} s", flush=True)
    best = max(results, key=lambda point: point["mean"])
    print("best:", json.dumps(best))
    if options.out:
        options.out.write_text(json.dumps(dict(best=best, all=results), indent=1))


if __name__ == "__main__":
    main()
