#!/usr/bin/env python3
"""One training step in PyTorch, as a process that answers requests on its standard input.

    torch_peer.py --inputs CASE FOLDER                       writes the inputs of a case
    torch_peer.py CASE FOLDER VARIANT THREADS DEVICE         serves: run STEPS, memory, quit

VARIANT names what is switched on: eager, compiled, reduce-overhead or graphed (the whole step captured as one CUDA
graph), and channels_last. DEVICE is cpu or cuda.
With NNGPU_TF32=1 in the environment products of f32 may use TF32, with 0 nothing may; else PyTorch's defaults hold.
"""
import os
import resource
import sys
import time

from serving import serve


def status_kib(key):
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(key + ":"):
                return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


class Peer:
    def __init__(self, case, folder, variant, threads, device):
        import numpy
        import torch

        from cases import BF16, batches
        from torch_models import make

        torch.set_num_threads(threads)
        tf32 = os.environ.get("NNGPU_TF32")
        if tf32 is not None:
            torch.set_float32_matmul_precision("high" if tf32 == "1" else "highest")
            torch.backends.cudnn.allow_tf32 = tf32 == "1"
        torch.manual_seed(1)
        self.version = torch.__version__
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the peak starts anew
        self.baseline = status_kib("VmRSS")
        self.torch, self.device = torch, device
        modes = {"compiled": "default", "reduce-overhead": "reduce-overhead"}
        mode = next((modes[word] for word in variant.split("+") if word in modes), None)
        channels_last, graphed = "channels_last" in variant, "graphed" in variant
        # A compiled update fuses by itself on the CPU; on a GPU the fused one is the fastest.
        fused = mode is None or device != "cpu"
        model, loss_of, optimizer = make(case, fused=fused, device=device, capturable=graphed or mode == "reduce-overhead")
        model.train()
        self.batches = []
        for turn in range(batches(case)):
            x, y = (torch.from_numpy(numpy.load(f"{folder}/{kind}{turn}.npy")).to(device) for kind in "xy")
            self.batches.append((x.contiguous(memory_format=torch.channels_last) if channels_last else x, y))
        if channels_last:
            model = model.to(memory_format=torch.channels_last)

        def loss_under_autocast(x, y):
            with torch.autocast(device, torch.bfloat16, enabled=case in BF16):
                return loss_of(model(x), y)

        def loss_and_gradients(x, y):
            loss = loss_under_autocast(x, y)
            loss.backward()
            return loss.detach()

        def update():
            optimizer.step()

        if mode is not None:
            forward = torch.compile(loss_under_autocast, mode=mode)
            if device == "cpu":
                update = torch.compile(update)

            def loss_and_gradients(x, y):
                loss = forward(x, y)
                loss.backward()
                return loss.detach()

        def step(x, y):
            optimizer.zero_grad(set_to_none=True)
            loss = loss_and_gradients(x, y)
            update()
            return loss

        self.step, self.turn = self.graphed(step) if graphed else step, 0
        self.parameters = sum(p.numel() for p in model.parameters())

    def graphed(self, step):
        torch = self.torch
        x, y = (tensor.clone() for tensor in self.batches[0])
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step(x, y)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss = step(x, y)

        def replay(next_x, next_y):
            x.copy_(next_x)
            y.copy_(next_y)
            graph.replay()
            return loss

        return replay

    def run(self, steps):
        start = time.perf_counter()
        for _ in range(steps):
            loss = self.step(*self.batches[self.turn])
            self.turn = (self.turn + 1) % len(self.batches)
        loss = loss.item()
        return {"seconds": time.perf_counter() - start, "loss": loss}

    def memory(self):
        if self.device != "cpu":
            return {"baseline_kib": 0, "peak_kib": self.torch.cuda.max_memory_allocated() // 1024}
        return {"baseline_kib": self.baseline, "peak_kib": status_kib("VmHWM")}


if __name__ == "__main__":
    if sys.argv[1] == "--inputs":
        from cases import CASES, write_inputs

        write_inputs(sys.argv[2], sys.argv[3])
        print(CASES[sys.argv[2]][0])
    else:
        serve(Peer, sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5])
