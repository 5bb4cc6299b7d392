"""Reports as files, and several joined into one."""
import json
import os
import sys

import machine as ceilings
import report as reports


def write(folder, name, report):
    """<folder>/<name>.json, .md and .svg; returns the path without its ending."""
    os.makedirs(folder, exist_ok=True)
    for row in report["results"]:
        row["summary"] = reports.summary(report["machine"], row)
    base = os.path.join(folder, name)
    for ending, text in (
        (".json", json.dumps(report, indent=1)),
        (".md", reports.markdown(report)),
        (".svg", reports.svg(report)),
    ):
        with open(base + ending + ".tmp", "w") as file:
            file.write(text)
        os.replace(base + ending + ".tmp", base + ending)
    return base


def raise_ceilings(machine, other):
    machine["copy_bandwidth"] = max(machine.get("copy_bandwidth", 0), other.get("copy_bandwidth", 0))
    rates = machine.setdefault("matmul", {})
    for kind, rate in other.get("matmul", {}).items():
        rates[kind] = max(rates.get(kind, 0), rate)


def join(paths):
    """One report of several runs; of a case that is in more than one, the last counts."""
    joined = None
    for path in paths:
        with open(path) as file:
            report = json.load(file)
        if joined is None:
            joined = report
            continue
        if report["device"].split(";")[0] != joined["device"].split(";")[0]:
            sys.exit(f"{path} comes from another GPU: its figures cannot be joined")
        raise_ceilings(joined["machine"], report["machine"])
        new = {row["name"] for row in report["results"]}
        joined["results"] = [row for row in joined["results"] if row["name"] not in new] + report["results"]
        joined["absent"].update(report["absent"])
        joined["left_out"] += report["left_out"]
    measured = {row["name"] for row in joined["results"]}
    joined["left_out"] = sorted(set(joined["left_out"]) - measured)
    groups = list(dict.fromkeys(row["group"] for row in joined["results"]))
    joined["results"].sort(key=lambda row: groups.index(row["group"]))
    ceilings.raise_by(joined["machine"], joined["results"])
    return joined
