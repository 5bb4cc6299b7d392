"""The quickstart on the real digits: its figures, its files; and the short benchmark."""
import json
import os
import subprocess
import tempfile
import xml.etree.ElementTree as xml

TOOL = os.environ["NNGPU_TOOL"]
DIGITS = os.environ["NNGPU_DIGITS"]


def run(*arguments):
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True)


with tempfile.TemporaryDirectory() as folder:
    paths = [f"{folder}/report.html", f"{folder}/figures.json", f"{folder}/plot.svg"]
    done = run("quickstart", "--data", DIGITS, "--report", paths[0], "--json", paths[1], "--plot", paths[2])
    assert done.returncode == 0, done.stderr
    with open(paths[1]) as file:
        figures = json.load(file)
    assert figures["mean_accuracy"] >= 0.92, figures["mean_accuracy"]
    assert len(figures["accuracies"]) == 5 and len(figures["singular_values"]) == 64
    assert figures["singular_value_error"] <= 1e-4 and figures["different_predictions"] == 0
    assert len(figures["timings"]) == 3 and all(t["nngpu_seconds"] > 0 < t["eigen_seconds"] for t in figures["timings"])
    with open(paths[0]) as file:
        report = file.read()
    assert report.count("<svg") == 4 and report.count("<polyline") == 2 and report.count("<circle") == 1797 + 10 and report.count("<rect") >= 64
    assert f"{figures['mean_accuracy']:.4f}" in report

    network = figures["network"]
    splits = network["splits"]
    assert network["mean_accuracy"] >= 0.98, network["mean_accuracy"]
    assert len(splits) == 5 and abs(sum(s["accuracy"] for s in splits) / 5 - network["mean_accuracy"]) < 1e-9
    assert all(len(s["losses"]) == len(s["accuracies"]) == network["epochs"] for s in splits)
    assert all(s["losses"][-1] < 0.1 < 1 < s["losses"][0] and s["accuracies"][-1] == s["accuracy"] for s in splits)
    assert network["seconds"] > 0 and all(s["seconds"] > 0 for s in splits)
    assert f"{network['mean_accuracy']:.4f}" in report
    assert len(done.stderr.splitlines()) == 5 and "\r" not in done.stderr, "plain lines where stderr is no terminal"

    # Networks are trained by themselves: fewer at a time, the same figures.
    one = subprocess.run([TOOL, "quickstart", "--data", DIGITS, "--report", "", "--json", paths[1], "--epochs", "1"],
                         capture_output=True, text=True, env={**os.environ, "NNGPU_NUM_THREADS": "1"})
    assert one.returncode == 0, one.stderr
    with open(paths[1]) as file:
        alone = json.load(file)["network"]["splits"]
    terminal, stderr = os.openpty()
    two = subprocess.run([TOOL, "quickstart", "--data", DIGITS, "--report", "", "--json", paths[1], "--epochs", "1"],
                         stdout=subprocess.PIPE, stderr=stderr, env={**os.environ, "NNGPU_NUM_THREADS": "2"})
    os.close(stderr)
    assert two.returncode == 0
    assert b"\r" in os.read(terminal, 1 << 16), "a bar on a terminal"
    os.close(terminal)
    with open(paths[1]) as file:
        both = json.load(file)["network"]["splits"]
    assert [s["losses"] for s in alone] == [s["losses"] for s in both]
    assert run("quickstart", "--data", DIGITS, "--report", "", "--json", paths[1], "--epochs", "0").returncode == 0
    with open(paths[1]) as file:
        assert "network" not in json.load(file)
    assert xml.parse(paths[2]).getroot().tag.endswith("svg")
    assert sorted(os.listdir(folder)) == ["figures.json", "plot.svg", "report.html"]

    broken = f"{folder}/broken.csv"
    with open(broken, "w") as file:
        file.write("1,2,3\n")
    done = run("quickstart", "--data", broken, "--report", f"{folder}/never.html")
    assert done.returncode != 0 and "64 pixels and a label" in done.stderr and not os.path.exists(f"{folder}/never.html")
    done = run("quickstart", "--data", f"{folder}/absent.csv.gz")
    assert done.returncode != 0 and "absent.csv.gz" in done.stderr

done = run("bench", "-n", "32", "--json")
assert done.returncode == 0, done.stderr
rows = {row["operation"]: row for row in json.loads(done.stdout)}
assert {"matmul", "lu", "cholesky", "qr", "inverse", "eigh", "svd", "sum"} <= set(rows)
assert all(row["seconds"] > 0 and row["rate"] > 0 for row in rows.values())
print("ok")
