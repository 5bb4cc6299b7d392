"""What the GPU can do, measured through PyTorch before the cases: the floors come from it."""
import statistics
import time

FACTORS = [("f16", "f16", False), ("bf16", "bf16", False), ("tf32", "f32", True), ("f32", "f32", False), ("f64", "f64", False)]


def median(torch, device, run, rounds, repetitions):
    def wait():
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    times = []
    run()
    for _ in range(rounds):
        wait()
        start = time.perf_counter()
        for _ in range(repetitions):
            run()
        wait()
        times.append((time.perf_counter() - start) / repetitions)
    return statistics.median(times)


def measure(torch, device, scale):
    """Bytes a second of a copy, read and written; FLOP/s of a large product by type."""
    from data import DTYPES  # here, since it needs PyTorch

    size = (1 << 30) // scale // scale
    a = torch.randint(0, 255, (size,), dtype=torch.uint8, device=device)
    b = torch.empty_like(a)
    machine = {"copy_bandwidth": 2 * size / median(torch, device, lambda: b.copy_(a), 15, 5), "matmul": {}}
    n = 8192 // scale
    for name, dtype, tf32 in FACTORS:
        torch.set_float32_matmul_precision("high" if tf32 else "highest")
        x, y = (torch.rand(n, n, device=device, dtype=torch.float32).sub(0.5).to(DTYPES[dtype]) for _ in range(2))
        machine["matmul"][name] = 2 * n**3 / median(torch, device, lambda: x @ y, 5, 3)
    return machine


def raise_by(machine, rows):
    """The ceilings are the best that any contender has reached, where a case shows more than the first measurement."""
    if not machine:
        return
    for row in rows:
        times = [t["median"] for t in row["contenders"].values() if t.get("counted")]
        if not times:
            continue
        if row["operation"] == "copy":
            machine["copy_bandwidth"] = max(machine["copy_bandwidth"], row["bytes"] / min(times))
        if row["operation"] == "matmul":
            kind = kind_of(row)
            machine["matmul"][kind] = max(machine["matmul"].get(kind, 0), row["flops"] / min(times))


def kind_of(row):
    return "tf32" if row["tf32"] else row["dtype"]


def floor_of(machine, row):
    """Seconds that no program can be faster than; 0 where nothing was measured."""
    bandwidth, rate = machine.get("copy_bandwidth", 0), machine.get("matmul", {}).get(kind_of(row), 0)
    return max(row["bytes"] / bandwidth if bandwidth else 0, row["flops"] / rate if rate else 0)
