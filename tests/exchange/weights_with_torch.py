#!/usr/bin/env python3
"""Weights saved by this library load in PyTorch and the other way, and both compute the same of them.

    NNGPU_TORCH_PYTHON=/path/to/python weights_with_torch.py /path/to/nngpu_exchange

NNGPU_TORCH_PYTHON is an interpreter that has PyTorch; without one the test is skipped (exit code 77). Outputs are
compared in evaluation: in float64 nearly to the last digit, and in float32 by the error against float64, which may
be a few times PyTorch's own.
"""
import os
import subprocess
import sys
import tempfile

SKIPPED = 77


def restart_with_torch():
    """Replaces this process by one of the interpreter that has PyTorch."""
    python = os.environ.get("NNGPU_TORCH_PYTHON")
    if not python:
        print("skipped: NNGPU_TORCH_PYTHON names no interpreter that has PyTorch")
        sys.exit(SKIPPED)
    try:
        found = subprocess.run([python, "-c", "import torch"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except OSError as error:
        print(f"skipped: {python}: {error}")
        sys.exit(SKIPPED)
    if found.returncode != 0:
        print(f"skipped: {python} cannot import torch")
        sys.exit(SKIPPED)
    os.environ["NNGPU_EXCHANGE_STARTED"] = "1"
    os.execv(python, [python] + sys.argv)


def main(program):
    import torch

    from _safetensors import read, write
    from _torch_models import MODELS

    torch.manual_seed(20260)
    torch.set_num_threads(2)

    def ours(name, weights, x, folder):
        write(f"{folder}/x.safetensors", {"x": x})
        subprocess.run([program, "run", name, weights, f"{folder}/x.safetensors", f"{folder}/y.safetensors"], check=True)
        return read(f"{folder}/y.safetensors")["y"]

    def compare(name, direction, model, weights, x, folder):
        model.eval()
        with torch.no_grad():
            theirs32 = model.float()(x)
            theirs64 = model.double()(x.double())
        ours32, ours64 = ours(name, weights, x, folder), ours(name, weights, x.double(), folder)
        scale = theirs64.abs().max().item()
        error64 = (ours64 - theirs64).abs().max().item() / scale
        error32 = (ours32.double() - theirs64).abs().max().item() / scale
        allowed32 = 4 * (theirs32.double() - theirs64).abs().max().item() / scale + 1e-6
        good = ours32.shape == theirs32.shape and error64 < 1e-12 and error32 < allowed32
        print(f"{name:15} {direction:17} f64 {error64:.1e} (< 1e-12)  f32 {error32:.1e} (< {allowed32:.1e})"
              f"  {'ok' if good else 'FAILED'}")  # fmt: skip
        return good

    def move_statistics(model, inputs):
        """Weights and statistics that no initialization gives."""
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.02 * torch.randn_like(parameter))
            model.train()
            for _ in range(2):
                model(2 * torch.randn(inputs) + 0.5)

    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, (make, shape) in MODELS.items():
            x = torch.randn(shape)
            path = f"{folder}/{name}.safetensors"
            subprocess.run([program, "save", name, path], check=True)
            model = make()
            model.load_state_dict(read(path), strict=True)
            failures += not compare(name, "saved here", model, path, x, folder)

            model = make()
            move_statistics(model, shape)
            write(path, model.state_dict())
            failures += not compare(name, "saved in PyTorch", model, path, x, folder)
    return 1 if failures else 0


if __name__ == "__main__":
    if "NNGPU_EXCHANGE_STARTED" not in os.environ:
        restart_with_torch()
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    sys.exit(main(sys.argv[1]))
