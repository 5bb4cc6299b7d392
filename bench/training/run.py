#!/usr/bin/env python3
"""Training steps beside PyTorch, in one run, on the CPU or (--device cuda) on a GPU.

    bench/training/run.py --program build/release/bin/nngpu_training_bench --torch-python VENV/bin/python

PyTorch is never a dependency: its interpreter is passed by path, and it makes the inputs. So is JAX (--jax-python). Every contender of a case is a
process of its own, and the processes take turns, round after round, each round starting with another one. A sample is a
block of steps on inputs that rotate; the loss is read at its end. Memory is the peak of a process above what it had after
start-up.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = ["mlp", "lenet", "tiny", "resnet", "encoder"]
LARGE = ["resnet224", "gpt", "gpt_bf16"]  # too large for a CPU, unless asked for
JAX = {"mlp", "lenet"}  # that jax_peer.py has
IMAGES = {"lenet", "resnet", "resnet224"}  # PyTorch recommends channels_last there
BUSY = 0.15  # share of the processors that others may use
PAUSE = 0.03  # seconds for the threads of the one before to go to sleep


class Contender:
    def __init__(self, name, command, threads, tf32=None):
        self.name, self.samples, self.failure = name, [], None
        self.complaints = tempfile.TemporaryFile("w+")
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), NNGPU_NUM_THREADS=str(threads))
        if tf32 is not None:
            environment["NNGPU_TF32"] = "1" if tf32 else "0"
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.complaints, text=True, env=environment
        )

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.complaints.seek(0)
            line = json.dumps({"error": f"it ended ({self.process.wait()}): {self.complaints.read()[-400:]}"})
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return self.answer()

    def prepare(self, shortest):
        """Warms up, and finds how many steps a sample needs."""
        self.ready = self.answer()
        self.first_loss = self.ask("run 1")["loss"]
        once = min(self.ask("run 1")["seconds"] for _ in range(8))
        self.steps = max(1, min(1000, int(shortest / max(once, 1e-7)) + 1))
        self.ask(f"run {self.steps}")

    def sample(self):
        time.sleep(PAUSE)
        answer = self.ask(f"run {self.steps}")
        self.samples.append(answer["seconds"] / self.steps)
        self.last_loss = answer["loss"]

    def guarded(self, action, *arguments):
        if self.failure is None:
            try:
                action(*arguments)
            except (RuntimeError, OSError) as error:
                self.failure = str(error)

    def close(self):
        if self.process.poll() is None:
            try:
                self.process.communicate("quit\n", timeout=30)
            except (subprocess.TimeoutExpired, OSError):
                self.process.kill()

    def result(self):
        ordered, n = sorted(self.samples), len(self.samples)
        memory = self.ask("memory")
        return {
            "lower": ordered[n // 4], "median": statistics.median(ordered), "upper": ordered[3 * n // 4],
            "least": ordered[0], "rounds": n, "steps": self.steps, "first_loss": self.first_loss,
            "last_loss": self.last_loss, "baseline_kib": memory["baseline_kib"],
            "peak_kib": memory["peak_kib"] - memory["baseline_kib"], **self.ready,
        }  # fmt: skip


def processor_ticks():
    with open("/proc/stat") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def load():
    busy, total = processor_ticks()
    time.sleep(1)
    busy_now, total_now = processor_ticks()
    return (busy_now - busy) / max(1, total_now - total)


def variants(case, wanted, device):
    found = ["eager", "compiled"]
    if device != "cpu":
        found += ["reduce-overhead", "graphed"]
    if case in IMAGES:
        found += [name + "+channels_last" for name in found]
    return [name for name in found if not wanted or name in wanted]


def start(case, folder, options, ours):
    threads, tf32 = str(options.threads), {None: None, "on": True, "off": False}[options.tf32]
    found = []
    if case in ours:
        command = [options.program, case, folder, threads, options.device]
        found.append(Contender("nngpu", command, options.threads, tf32))
    peer = [options.torch_python, os.path.join(HERE, "torch_peer.py")]
    for variant in variants(case, options.variants, options.device):
        command = peer + [case, folder, variant, threads, options.device]
        found.append(Contender("PyTorch " + variant, command, options.threads, tf32))
    if options.jax_python and case in JAX:
        command = [options.jax_python, os.path.join(HERE, "jax_peer.py"), case, folder, options.device]
        found.append(Contender("JAX", command, options.threads, tf32))
    return found


def run_case(case, options, ours):
    with tempfile.TemporaryDirectory() as folder:
        maker = [options.torch_python, os.path.join(HERE, "torch_peer.py"), "--inputs", case, folder]
        title = subprocess.run(maker, check=True, capture_output=True, text=True).stdout.strip()
        contenders = start(case, folder, options, ours)
        try:
            for contender in contenders:
                contender.guarded(contender.prepare, options.sample_s)
            for turn in range(options.rounds):
                for i in range(len(contenders)):
                    contender = contenders[(i + turn) % len(contenders)]
                    contender.guarded(contender.sample)
            row = {"case": case, "title": title, "contenders": {}, "failed": {}}
            for contender in contenders:
                if contender.failure is None:
                    row["contenders"][contender.name] = contender.result()
                else:
                    row["failed"][contender.name] = contender.failure
        finally:
            for contender in contenders:
                contender.close()
    peers = {name: r["median"] for name, r in row["contenders"].items() if name != "nngpu"}
    if peers:
        row["best_peer"] = min(peers, key=peers.get)
        if "nngpu" in row["contenders"]:
            row["ratio"] = peers[row["best_peer"]] / row["contenders"]["nngpu"]["median"]
    return row


def seconds(value):
    for unit, scale in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if value * scale >= 1 or unit == "us":
            return f"{value * scale:.2f} {unit}"


def markdown(report):
    lines = [
        f"PyTorch {report['torch']}, on {report['device']}, TF32 {report['tf32'] or 'as each has it'}, {report['threads']} threads each, {report['rounds']} rounds in which the contenders take "
        "turns; a sample is a block of steps. Ratio: the best peer's median over ours.",
        "",
        "| step | contender | median | quartiles | ratio | memory above start-up | loss, first and last |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in report["results"]:
        for name, r in row["contenders"].items():
            ratio = f"{row['ratio']:.2f}" if name == "nngpu" and "ratio" in row else ""
            mark = " (best)" if name == row.get("best_peer") else ""
            lines.append(
                f"| {row['title']} | {name}{mark} | {seconds(r['median'])} | {seconds(r['lower'])} to {seconds(r['upper'])} "
                f"| {ratio} | {r['peak_kib'] / 1024:.0f} MiB | {r['first_loss']:.4g}, {r['last_loss']:.4g} |"
            )
        for name, why in row["failed"].items():
            lines.append(f"| {row['title']} | {name} | failed: {why.splitlines()[0][:120]} | | | | |")
    if report["left_out"]:
        lines += ["", "Not in this program yet: " + ", ".join(report["left_out"]) + "."]
    return "\n".join(lines) + "\n"


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="build/release/bin/nngpu_training_bench")
    parser.add_argument("--torch-python", required=True, help="the Python interpreter that has PyTorch")
    parser.add_argument("--jax-python", help="the Python interpreter that has JAX, for the steps that jax_peer.py has")
    parser.add_argument("--cases", nargs="+", choices=CASES + LARGE, help="all by default; on the CPU not " + ", ".join(LARGE))
    parser.add_argument("--tf32", choices=["on", "off"], help="in products of f32, of every contender (default: each its own)")
    parser.add_argument("--variants", nargs="+", help="of PyTorch: eager compiled eager+channels_last compiled+channels_last")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sample-s", type=float, default=0.1, help="seconds that a sample takes at least")
    parser.add_argument("--force", action="store_true", help="run on a busy machine all the same")
    parser.add_argument("--out", default="training.json")
    parser.add_argument("--markdown", default="training.md")
    options = parser.parse_args()
    options.cases = options.cases or (CASES if options.device == "cpu" else CASES + LARGE)
    return options


def main():
    options = parse()
    busy = load()
    if busy > BUSY and not options.force:
        sys.exit(f"run.py: the machine is busy ({busy:.0%} of its processor time): --force runs it all the same")
    ours = []
    if os.path.exists(options.program):
        ours = subprocess.run([options.program, "--list"], check=True, capture_output=True, text=True).stdout.split()
    version = subprocess.run(
        [options.torch_python, "-c", "import torch; print(torch.__version__)"], check=True, capture_output=True, text=True
    ).stdout.strip()
    report = {
        "torch": version, "device": options.device, "tf32": options.tf32, "threads": options.threads, "rounds": options.rounds, "busy_before": busy, "results": [],
        "left_out": [case for case in options.cases if case not in ours],
    }  # fmt: skip
    for case in options.cases:
        report["results"].append(run_case(case, options, ours))
        text = markdown(report)
        for path, content in ((options.out, json.dumps(report, indent=1)), (options.markdown, text)):
            with open(path, "w") as file:
                file.write(content)
        row = report["results"][-1]
        for name, r in row["contenders"].items():
            print(f"{case:8} {name:32} {seconds(r['median']):>10}  ratio {row.get('ratio', 0):.2f}", flush=True)
        for name, why in row["failed"].items():
            print(f"{case:8} {name:32} failed: {why}", flush=True)


if __name__ == "__main__":
    main()
