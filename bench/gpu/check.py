"""Results against float64, within the bounds of the project's tests (tests/oracle/compare.cpp, tests/suite).

Every function takes the inputs and the results and returns the worst error in units of what is allowed: at most 1 is
right. Matrices of a batch are judged one by one.
"""
import math

import torch

UNIT = {"f16": 2.0**-11, "bf16": 2.0**-8, "f32": 2.0**-24, "f64": 2.0**-53}  # of rounding
EPSILON = {"f32": 2.0**-23, "f64": 2.0**-52}
SAMPLED = 8  # matrices of a batch whose values are compared with LAPACK's


def unit_of(case):
    return 2.0**-11 if case["tf32"] else UNIT[case["dtype"]]


def worst(error, allowed):
    ratio = (error / allowed).max().item()
    return math.inf if math.isnan(ratio) else ratio


def norms(a):
    """Frobenius norms of the matrices of a batch."""
    return torch.linalg.vector_norm(a, dim=(-2, -1))


def elementwise(unit, got, want, scale):
    """|got - want| <= 8 u |want| + 16 u scale, the bound of accumulated results."""
    if got.shape != want.shape:
        return math.inf
    return worst((got.double() - want).abs(), 8 * unit * want.abs() + 16 * unit * scale)


def relative(got, want, allowed):
    difference = torch.linalg.vector_norm(got.double() - want) / torch.linalg.vector_norm(want)
    return math.inf if torch.isnan(difference) else difference.item() / allowed


def product(case, got, want, terms):
    # The suite's bound grows with the number of terms; in the norm, errors that are independent do not, and a wrong mode
    # (tf32 for f32) cannot hide.
    unit = unit_of(case)
    low = case["tf32"] or case["dtype"] in ("f16", "bf16")
    return max(
        elementwise(unit, got, want, float(terms)), relative(got, want, 4 * unit if low else 8 * unit * math.sqrt(terms))
    )


def matmul(case, x, got):
    a, b = (v.double() for v in x)
    return product(case, got[0], a @ b, a.shape[-1])


def convolution(case, x, got):
    a, b = (v.double() for v in x)
    mode, stride, padding, *size = case["operation"].split()
    stride, padding = int(stride), int(padding)
    if mode == "conv2d":
        want = torch.nn.functional.conv2d(a, b, stride=stride, padding=padding)
        return product(case, got[0], want, b[0].numel())
    side = int(size[0])
    if mode == "conv2d_input":
        shape = (a.shape[0], b.shape[1], side, side)
        want = torch.nn.grad.conv2d_input(shape, b, a, stride=stride, padding=padding)
        return product(case, got[0], want, b[:, 0].numel())
    shape = (b.shape[1], a.shape[1], side, side)
    want = torch.nn.grad.conv2d_weight(a, shape, b, stride=stride, padding=padding)
    return product(case, got[0], want, b[:, 0].numel())


def epilogue(case, x, got):
    a, b, bias = (v.double() for v in x)
    return product(case, got[0], torch.nn.functional.gelu(a @ b + bias), 2 * a.shape[-1])


def chain(case, x, got):
    a, b, c = (v.double() for v in x)
    return elementwise(unit_of(case), got[0], torch.nn.functional.gelu(a * b + c) * a, 2.0)


def exact(got, want):
    return 0.0 if torch.equal(got, want) else math.inf


def summed(axis):
    def check(case, x, got):
        a = x[0].double()
        dims = (0, 1) if axis is None else axis
        return elementwise(unit_of(case), got[0], a.sum(dims), a.abs().sum(dims))

    return check


def largest(axis):
    return lambda case, x, got: exact(got[0], x[0].amax((0, 1) if axis is None else axis))


def softmax(case, x, got):
    want = torch.softmax(x[0].double(), 1)
    unit = unit_of(case)
    return max(elementwise(unit, got[0], want, 1.0), relative(got[0], want, 64 * unit))


def moments(axis):
    def check(case, x, got):
        a, unit = x[0].double(), unit_of(case)
        var, mean = torch.var_mean(a, dim=axis, correction=0)
        return max(elementwise(unit, got[0], mean, a.abs().mean(axis)), elementwise(unit, got[1], var, 1.0))

    return check


def against(reference, scale):
    """Of a function of the inputs in double."""
    return lambda case, x, got: elementwise(unit_of(case), got[0], reference(*(v.double() for v in x)), scale)


def targets(x):
    return torch.arange(x.shape[0], device=x.device) % x.shape[1]


def softmax_gradient(g, y):
    return (g - (g * y).sum(1, keepdim=True)) * y


def layer_norm_gradient(g, x):
    """With the statistics that operations.cpp takes."""
    scale = 1.7320508
    u = x * scale
    return (g - g.mean(1, keepdim=True) - u * (g * u).mean(1, keepdim=True)) * scale


def cross_entropy_gradient(x):
    hit = torch.nn.functional.one_hot(targets(x), x.shape[1])
    return (torch.softmax(x, 1) - hit) / x.shape[0]


def batch_norm(x):
    var, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0, keepdim=True)
    return (x - mean) / torch.sqrt(var + 1e-5)


def batch_norm_gradient(g, x):
    axes = (0, 2, 3)
    var = torch.var(x, dim=axes, correction=0, keepdim=True)
    u = batch_norm(x)
    return (g - g.mean(axes, keepdim=True) - u * (g * u).mean(axes, keepdim=True)) / torch.sqrt(var + 1e-5)


def dropout(case, x, got):
    """Each element is zero or twice itself; half of them are kept, within five deviations."""
    zero, twice = got[0] == 0, got[0] == 2 * x[0]
    count = x[0].numel()
    kept = (~zero).double().sum().item()
    right = bool((zero | twice).all()) and abs(kept - count / 2) <= 2.5 * math.sqrt(count) + 1
    return 0.0 if right else math.inf


def select(case, x, got):
    a, b, c = x
    return exact(got[0], torch.where((a > b) & (b < c), a, torch.where(a > c, b, c)))


def bound(case, a):
    return 30.0 * a.shape[-1] * EPSILON[case["dtype"]]


def factored(case, a, back):
    if a.shape != back.shape:
        return math.inf
    return worst(norms(a - back), bound(case, a) * norms(a))


def orthogonal(case, q):
    identity = torch.eye(q.shape[-1], dtype=q.dtype, device=q.device)
    return worst(norms(q.mT @ q - identity), torch.tensor(bound(case, q) * math.sqrt(q.shape[-1])))


def permuted(pivots, n):
    """The order of rows that swapping each row k with row pivots[k] makes, for every matrix of a batch."""
    flat = pivots.reshape(-1, n).long().cpu()
    order = torch.arange(n).repeat(flat.shape[0], 1)
    every = torch.arange(flat.shape[0])
    for k in range(n):
        own, other = order[:, k].clone(), order[every, flat[:, k]].clone()
        order[every, flat[:, k]] = own
        order[:, k] = other
    return order.reshape(pivots.shape)


def lu(case, x, got):
    a, f, n = x[0].double(), got[0].double(), x[0].shape[-1]
    order = permuted(got[1], n).to(a.device)
    lower = f.tril(-1) + torch.eye(n, dtype=a.dtype, device=a.device)
    rows = torch.gather(a, -2, order.unsqueeze(-1).expand(a.shape))
    return factored(case, rows, lower @ f.triu())


def qr(case, x, got):
    a, q, r = x[0].double(), got[0].double(), got[1].double()
    return max(factored(case, a, q @ r), orthogonal(case, q), exact(r, r.triu()))


def inverse(case, x, got):
    a, b = x[0].double(), got[0].double()
    identity = torch.eye(a.shape[-1], dtype=a.dtype, device=a.device)
    return worst(norms(a @ b - identity), bound(case, a) * norms(a) * norms(b))


def cholesky(case, x, got):
    a, f = x[0].double(), got[0].double().tril()
    return factored(case, a, f @ f.mT)


def solve(case, x, got):
    a, b, s = x[0].double(), x[1].double(), got[0].double()
    return worst(norms(a @ s - b), bound(case, a) * norms(a) * norms(s))


def values(case, a, got, reference):
    """Within 10 n eps |A| of LAPACK's, for some matrices; larger ones are covered by their residuals."""
    n = a.shape[-1]
    if n > 512:
        return 0.0
    some = a.reshape(-1, n, n)[:SAMPLED].cpu()
    want = torch.stack([reference(m) for m in some])
    found = got.reshape(-1, n)[:SAMPLED].double().cpu()
    return worst((found - want).abs(), 10 * n * EPSILON[case["dtype"]] * norms(some).unsqueeze(-1))


def eigh(case, x, got):
    a, w, v = x[0].double(), got[0].double(), got[1].double()
    back = (v * w.unsqueeze(-2)) @ v.mT
    ordered = 0.0 if bool((w.diff(dim=-1) >= 0).all()) else math.inf
    return max(factored(case, a, back), orthogonal(case, v), ordered, values(case, a, w, torch.linalg.eigvalsh))


def svd(case, x, got):
    a, (u, s, vt) = x[0].double(), (g.double() for g in got)
    ordered = 0.0 if bool((s.diff(dim=-1) <= 0).all()) else math.inf
    back = (u * s.unsqueeze(-2)) @ vt
    sides = max(orthogonal(case, u), orthogonal(case, vt.mT))
    return max(factored(case, a, back), sides, ordered, values(case, a, s, torch.linalg.svdvals))


def replay(case, x, got):
    y, w = (v.double() for v in x)
    for i in range(case["expected_kernels"]):
        y = y @ w if i % 2 == 0 else torch.softmax(y, -1)
    return relative(got[0], y, 1000 * unit_of(case))


CHECKS = {
    "matmul": matmul,
    "epilogue": epilogue,
    "chain": chain,
    "copy": lambda case, x, got: exact(got[0], x[0]),
    "transpose": lambda case, x, got: exact(got[0], x[0].T.contiguous()),
    "sum_all": summed(None),
    "sum_0": summed(0),
    "sum_1": summed(1),
    "max_all": largest(None),
    "max_0": largest(0),
    "max_1": largest(1),
    "softmax": softmax,
    "mean_var": moments(1),
    "moments": moments(1),
    "moments_0": moments(0),
    "logsumexp": against(lambda x: torch.logsumexp(x, 1), 1.0),
    # y is any matrix of up to 1, and the sum of g y has as many terms as a row.
    "softmax_backward": lambda case, x, got: against(softmax_gradient, math.sqrt(x[0].shape[1]))(case, x, got),
    "layer_norm": against(lambda x: torch.nn.functional.layer_norm(x, x.shape[1:]), 2.0),
    "layer_norm_backward": against(layer_norm_gradient, 4.0),
    "cross_entropy": against(lambda x: torch.nn.functional.cross_entropy(x, targets(x)), 1.0),
    "cross_entropy_backward": lambda case, x, got: against(cross_entropy_gradient, 1.0 / x[0].shape[0])(case, x, got),
    "dropout": dropout,
    "dropout_backward": dropout,
    "batch_norm": against(batch_norm, 2.0),
    "batch_norm_backward": against(batch_norm_gradient, 4.0),
    "select": select,
    "lu": lu,
    "qr": qr,
    "inverse": inverse,
    "cholesky": cholesky,
    "solve": solve,
    "eigh": eigh,
    "svd": svd,
    "replay": replay,
    "conv2d": convolution,
    "conv2d_input": convolution,
    "conv2d_weight": convolution,
}


def error_of(case, inputs, results):
    """The worst error in units of what is allowed; infinite where it is not a number."""
    return float(CHECKS[case["operation"].split()[0]](case, inputs, results))
