#!/usr/bin/env python3
"""nngpu beside PyTorch, CuPy, JAX and the vendor's batched calls on the same GPU, in one run.

    bench/gpu/run.py --program build/release/bin/nngpu_gpu_bench --out results
    bench/gpu/run.py --report results/a.json results/b.json --out results    (only joins earlier runs)

Ours runs in a child process, the peers in this one; both compute on the same inputs, and the contenders of a case take
turns. Results are checked against float64 before anything is timed. Writes <out>/<name>.json, .md and .svg.
"""
import argparse
import gc
import os
import shutil
import sys
import tempfile
import time

import machine as ceilings
import peers
import report as reports
import timing
from child import Child, ChildError, list_cases
from exchange import Exchange
from results import join, write

METHOD = (
    "Medians of {rounds} rounds in which the contenders take turns; a sample is the wall-clock time of as many runs as fill "
    "5 ms, from an idle device until it has finished. Inputs rotate through more memory than the caches hold, results are "
    "checked against float64 and consumed. The kernels are those that one run of ours launches. "
    "The column 'unchecked' is ours without a look for errors of values, as some peers work."
)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/bin/nngpu_gpu_bench")
    parser.add_argument("--device", default="cuda", help="ours: cuda, cuda:1, sim, ...")
    parser.add_argument("--peer-device", help="the peers': cuda or cpu; by default cuda where PyTorch sees it")
    parser.add_argument("--peers", default="torch,cupy,jax,vendor")
    groups = "products,epilogues,convolutions,memory-bound,decompositions,batches,engine"
    parser.add_argument("--groups", default="", help=groups)
    parser.add_argument("--cases", default="", help="only cases whose name contains this")
    parser.add_argument("--quick", action="store_true", help="a small part of the cases")
    parser.add_argument("--scale", type=int, default=1, help="divides sizes and counts")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--budget-s", type=float, default=0, help="start no case after so many seconds")
    parser.add_argument("--case-s", type=float, default=20, help="a case of long runs gets fewer rounds, at least 5")
    parser.add_argument("--compile-mode", default="max-autotune-no-cudagraphs", help="of torch.compile; none: without it")
    parser.add_argument("--out", default=".", help="folder of the results")
    parser.add_argument("--name", default="gpu_bench", help="of the files in it")
    parser.add_argument("--report", nargs="+", help="join these results instead of running")
    return parser.parse_args()

WORTHLESS = 0.05  # seconds of a run whose form without checks can show nothing new


class Runner:
    def __init__(self, options):
        self.options = options
        self.child = Child(options.program, options.device, options.scale)
        self.device, self.torch = self.find_device()
        wanted = [name for name in options.peers.split(",") if name]
        self.peers, self.absent = peers.find(wanted, self.device, options.compile_mode) if self.device else ([], {})
        if self.device is None:
            self.absent = {"PyTorch": "it is not installed, and the inputs and checks of every peer need it"}
        self.data = Exchange(self.device)
        self.hopeless = {}  # (group, operation, contender): why it is not tried at a larger size

    def find_device(self):
        try:
            import torch
        except ImportError:
            return None, None
        fallback = "cuda" if torch.cuda.is_available() else "cpu"
        return self.options.peer_device or fallback, torch

    def describe(self):
        name = "ours on " + self.options.device
        if self.device and self.device.startswith("cuda"):
            name = self.torch.cuda.get_device_name(0)
        versions = ", ".join(f"{library.title} {library.version}" for library in self.peers)
        return f"{name}; {versions or 'no peers'}"

    def measure(self):
        if self.device is None:
            return {}
        return ceilings.measure(self.torch, self.device, self.options.scale)

    def ours(self, case, row):
        """This library's variants, made ready and checked."""
        row["variants"] = self.child.ask(f"prepare {case['name']}")["variants"]
        variants = [timing.Ours(self.child, i, ready) for i, ready in enumerate(row["variants"])]
        for variant in variants:
            row["errors"][variant.name] = self.error_of_ours(case, variant)
        return variants

    def error_of_ours(self, case, variant):
        if self.device is None:
            return None
        shared = "/dev/shm" if os.path.isdir("/dev/shm") else None
        folder = tempfile.mkdtemp(dir=shared)
        try:
            count = self.child.ask(f"save {variant.index} {folder}")["results"]
            return self.data.error_of(case, self.data.read(folder, count))
        finally:
            shutil.rmtree(folder)

    def theirs(self, case, row):
        found = []
        for library in self.peers:
            try:
                offered = library.contenders(case, self.data.sets)
            except Exception as error:  # a peer that fails is listed, and the others go on
                row["failed"][library.title] = short(error)
                continue
            slowest = 0.0
            for contender in offered:
                if contender.name.endswith(" unchecked") and slowest > WORTHLESS:
                    continue
                if reason := self.hopeless.get((case["group"], case["operation"], contender.name)):
                    row["failed"][contender.name] = reason
                    continue
                try:
                    found.append(self.ready_peer(case, row, contender))
                    slowest = max(slowest, found[-1].once)
                except Exception as error:
                    row["failed"][contender.name] = short(error)
        return found

    def ready_peer(self, case, row, contender):
        peer = timing.Peer(contender)
        results = peer.first_run()
        if not contender.reference:
            row["errors"][peer.name] = self.data.error_of(case, results)
        peer.calibrate()
        return peer

    def run(self, case):
        start = time.perf_counter()
        row = dict(case, contenders={}, failed={}, errors={}, rounds=self.options.rounds)
        self.data.load(case)
        contenders = []
        try:
            contenders += self.ours(case, row)
        except Exception as error:  # listed; the peers are timed all the same
            row["error"] = short(error)
        contenders += self.theirs(case, row)
        gc.collect()
        gc.disable()
        try:
            if contenders:
                row["contenders"], failed = timing.compare(contenders, self.options.rounds, self.options.case_s)
                row["failed"].update({name: short(error) for name, error in failed.items()})
        finally:
            gc.enable()
        self.judge(contenders, row)
        self.give_up(row)
        contenders.clear()
        self.release(row)
        row["took"] = time.perf_counter() - start
        return row

    def judge(self, contenders, row):
        errors = row.pop("errors")
        for contender in contenders:
            times = row["contenders"].get(contender.name)
            if times is None:
                continue
            error = errors.get(contender.name)
            times["error"] = None if error is None else min(error, 1e9)  # JSON has no infinity
            times["reference"], times["counted"] = contender.reference, error is not None and error <= 1

    def give_up(self, row):
        """Contenders that are far behind and take seconds are not tried at the larger sizes of the same operation."""
        fastest = min((t["median"] for t in row["contenders"].values()), default=0)
        for name, times in row["contenders"].items():
            if times["cold"] and times["median"] > 20 * fastest:
                reason = f"not tried, as a run of {row['name']} took {times['median']:.1f} s"
                self.hopeless[row["group"], row["operation"], name] = reason

    def release(self, row):
        self.data.sets = []
        try:
            if "error" not in row:
                self.child.ask("release")
        except ChildError as error:
            row["failed"]["nngpu, at the end"] = short(error)
        gc.collect()
        for library in self.peers:
            library.release()


def short(error):
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def measure_all(options):
    start = time.perf_counter()
    runner = Runner(options)
    runner.child.ask("release")  # ends here, saying why, where ours cannot use the device
    cases = list_cases(options.program, options.scale, [g for g in options.groups.split(",") if g], options.quick)
    report = {
        "device": runner.describe(),
        "method": METHOD.format(rounds=options.rounds),
        "machine": runner.measure(),
        "absent": runner.absent,
        "results": [],
        "left_out": [],
    }
    print(f"{report['device']}. {reports.ceilings_text(report['machine'])}")
    for name, why in report["absent"].items():
        print(f"{name} is not among the peers: {why}")
    print(reports.line(reports.HEAD[:-1]), flush=True)
    for case in cases:
        if options.cases not in case["name"]:
            continue
        if options.budget_s and time.perf_counter() - start > options.budget_s:
            report["left_out"].append(case["name"])
            continue
        row = runner.run(case)
        report["results"].append(row)
        ceilings.raise_by(report["machine"], [row])
        print(reports.console(report["machine"], row), flush=True)
        for note in reports.notes(row):
            print("    " + note)
        write(options.out, options.name, report)  # after every case: a run that is cut off keeps what it has
    runner.child.close()
    if report["left_out"]:
        print("left out, as the time was over: " + ", ".join(report["left_out"]))
    return report


def main():
    options = parse()
    try:
        report = join(options.report) if options.report else measure_all(options)
    except ChildError as error:
        sys.exit(f"run.py: {error}")
    print("wrote " + write(options.out, options.name, report) + ".{json,md,svg}")
    wrong = [row["name"] for row in report["results"] if not row["contenders"].get("nngpu", {}).get("counted")]
    if wrong:
        print("ours failed, is wrong or was not checked: " + ", ".join(wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
