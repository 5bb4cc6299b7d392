"""Inputs by the formula of data.h: the same numbers here and in nngpu_gpu_bench, without exchanging them."""
import torch

DTYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "f32": torch.float32, "f64": torch.float64}
LOW = 0xFFFFFFFF


def mix(x):
    """The bijection of 32 bits in data.cpp, in 64-bit integers; only the low halves matter, so wrapping is harmless."""
    x = (x * 0x9E3779B1) & LOW
    x = x ^ (x >> 15)
    x = (x * 0x85EBCA77) & LOW
    x = x ^ (x >> 13)
    x = (x * 0xC2B2AE3D) & LOW
    return x ^ (x >> 16)


def elements(index, seed):
    return (mix((index + seed) & LOW) >> 8).double() * 2.0**-23 - 1


def make_input(case, number, turn, device):
    """Input `number` of set `turn`, as a contiguous torch tensor."""
    shape, fill = case["inputs"][number]["shape"], case["inputs"][number]["fill"]
    seed = ((turn * 16 + number + 1) * 0x3C6EF372) & LOW
    count = 1
    for size in shape:
        count *= size
    index = torch.arange(count, dtype=torch.int64, device=device)
    if fill == "uniform":
        values = elements(index, seed)
    else:
        n = shape[-1]
        row, column = index // n % n, index % n
        low, high = torch.minimum(row, column), torch.maximum(row, column)
        values = elements((index // (n * n) * n + low) * n + high, seed)
        if fill == "positive":
            values = torch.where(row == column, values + n, values)
    return values.reshape(shape).to(DTYPES[case["dtype"]])


def make_set(case, turn, device):
    return [make_input(case, i, turn, device) for i in range(len(case["inputs"]))]
