"""What the peers share: arguments, timing, and the line of JSON that each workload prints.

The counts of warm-up and steps are those of `gradus bench` (src/bench/nets.rs): the median of so many samples of so many
steps each.
"""

import argparse
import json
import statistics
import sys
import time

# Samples of the measurement, and steps in each.
REPETITIONS = {
    "P1 train": (30, 1), "P2 train": (30, 1), "P3 train": (80, 1), "P4 train": (80, 1), "P4w train": (30, 1), "P5 train": (10, 1), "CIFAR fast train": (4, 1), "P6 train": (80, 1), "P7 train": (40, 25),
    "P8a train": (40, 25), "P8b train": (40, 500), "P8c train": (40, 500),
    "P1 infer": (60, 1), "P2 infer": (60, 1), "P3 infer": (60, 1), "P4 infer": (60, 1), "P4w infer": (60, 1),
    "P5 infer": (60, 1), "P6 infer": (60, 1), "attention": (20, 1),
}
BATCH = {"P1": 32, "P2": 256, "P3": 128, "P4": 256, "P4w": 256, "P5": 64, "P6": 128, "CIFAR fast": 1000, "P7": 128, "P8a": 1600, "P8b": 40, "P8c": 40}
INPUT = {"P1": (1, 128, 128), "P5": (3, 32, 32), "CIFAR fast": (3, 32, 32), "P7": (784,), **{net: (1, 28, 28) for net in ("P2", "P3", "P4", "P4w", "P6")}}
# First channels and code of the autoencoders.
WIDTHS = {"P4": (8, 14), "P4w": (32, 64)}
CLASSES = {"P1": 3, "P2": 10, "P3": 10, "P5": 10, "P6": 10, "CIFAR fast": 10, "P7": 10}


def arguments(description, **switches):
    """The command line of a peer: names of workloads (or their beginnings), and some switches of its own."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("names", nargs="*", help="workloads, by name or by the beginning of their names")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--data", default="", help="the folder of shared files that `gradus bench` made")
    parser.add_argument("--quick", action="store_true", help="a few steps only")
    for name, help in switches.items():
        parser.add_argument("--" + name.replace("_", "-"), action="store_true", help=help)
    args = parser.parse_args()
    args.chooses = lambda workload: not args.names or any(workload.startswith(name) for name in args.names)
    return args


def report(name, times, **more):
    """Prints the line of a workload: `times` in milliseconds."""
    print(json.dumps({"name": name, "ms": statistics.median(times), "min_ms": min(times), **more}), flush=True)


def measure(args, name, steps, samples=None, per_sample=None, **more):
    """Times `steps(n)`, which does n steps and waits for the last; `more` may hold functions, called at the end."""
    if samples is None:
        samples, per_sample = REPETITIONS[name]
    if args.quick:
        samples, per_sample = 3, -(-per_sample // 50)
    for _ in range(-(-samples // 5)):
        steps(per_sample)
    times = []
    for _ in range(samples):
        start = time.perf_counter()
        steps(per_sample)
        times.append(1e3 * (time.perf_counter() - start) / per_sample)
    report(name, times, **{key: value() if callable(value) else value for key, value in more.items()})


def samples_of(net):
    """How many samples batches are drawn from, as in src/bench/nets.rs."""
    batches = {"P1": 2, "P2": 2, "P3": 20, "P4": 20, "P4w": 20, "P5": 2, "P6": 20, "CIFAR fast": 2, "P7": 20}
    return batches[net] * BATCH[net] if net in batches else 1600


def say(text):
    """Prints progress."""
    print(text, file=sys.stderr, flush=True)
