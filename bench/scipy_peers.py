"""NumPy and SciPy as further peers of the decompositions in bench.json: medians on the same sizes, in this process.

Usage: /usr/bin/python3 bench/scipy_peers.py [bench.json]. Prints a line a case and adds the medians to the file.
"""
import json
import os
import statistics
import sys
import time

import numpy as np
import scipy.linalg

ROUNDS = 7
DTYPES = {"f32": np.float32, "f64": np.float64}


def median(work):
    work()
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def peers(name, a, b):
    fast = {"check_finite": False}
    return {
        "lu": {"SciPy": lambda: scipy.linalg.lu_factor(a, **fast)},
        "cholesky": {"NumPy": lambda: np.linalg.cholesky(a), "SciPy": lambda: scipy.linalg.cholesky(a, lower=True, **fast)},
        "qr": {"NumPy": lambda: np.linalg.qr(a), "SciPy": lambda: scipy.linalg.qr(a, mode="economic", **fast)},
        "inverse": {"NumPy": lambda: np.linalg.inv(a), "SciPy": lambda: scipy.linalg.inv(a, **fast)},
        "solve": {"NumPy": lambda: np.linalg.solve(a, b)},
        "eigh": {"NumPy": lambda: np.linalg.eigh(a), "SciPy": lambda: scipy.linalg.eigh(a, driver="evd", **fast)},
        "svd": {
            "NumPy": lambda: np.linalg.svd(a, full_matrices=False),
            "SciPy": lambda: scipy.linalg.svd(a, full_matrices=False, **fast),
        },
    }[name]


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else "bench.json"
    with open(path) as file:
        report = json.load(file)
    rng = np.random.default_rng()
    for row in report["results"]:
        if row["group"] != "decompositions":
            continue
        name, dtype, size = row["operation"].split()
        n = int(size)
        a = np.asfortranarray(rng.standard_normal((n, n)), dtype=DTYPES[dtype])
        b = np.asfortranarray(rng.standard_normal((n, n)), dtype=DTYPES[dtype])
        if name in ("cholesky", "eigh"):
            a = np.asfortranarray(a @ a.T + n * np.eye(n), dtype=DTYPES[dtype])
        for peer, work in peers(name, a, b).items():
            seconds = median(work)
            row.setdefault("peers", {})[peer] = {"median": seconds}
            ratio = seconds / row["ours"]["median"]
            print(f"{row['operation']:24} {peer:8} {seconds * 1e3:10.3f} ms   ratio {ratio:.2f}", flush=True)
    with open(path + ".tmp", "w") as file:
        json.dump(report, file, indent=1)
    os.replace(path + ".tmp", path)


if __name__ == "__main__":
    main()
