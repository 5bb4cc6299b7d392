"""PyTorch, eager and compiled."""
import sys

from peers import Contender


def swap(results):
    return [results[1], results[0]]


class Torch:
    title = "PyTorch"

    def __init__(self, device, compile_mode):
        import torch

        self.torch, self.device, self.compile_mode = torch, device, compile_mode
        self.version = torch.__version__

    def wait(self, _):
        if self.device.startswith("cuda"):
            self.torch.cuda.synchronize()

    def element(self, result):
        return result.reshape(-1)[-1].item()

    def to_torch(self, result):
        return result

    def release(self):
        if "torch._dynamo" in sys.modules:
            self.torch._dynamo.reset()
        if self.device.startswith("cuda"):
            self.torch.cuda.empty_cache()

    def elementwise(self):
        torch = self.torch
        gelu = torch.nn.functional.gelu
        select = lambda x, y, z: torch.where((x > y) & (y < z), x, torch.where(x > z, y, z))
        return {
            "chain": lambda x, y, z: gelu(x * y + z) * x,
            "copy": lambda x: x.clone(),
            "transpose": lambda x: x.T.contiguous(),
            "sum_all": lambda x: x.sum(),
            "sum_0": lambda x: x.sum(0),
            "sum_1": lambda x: x.sum(1),
            "max_all": lambda x: x.amax(),
            "max_0": lambda x: x.amax(0),
            "max_1": lambda x: x.amax(1),
            "softmax": lambda x: torch.softmax(x, 1),
            "mean_var": lambda x: torch.var_mean(x, dim=1, correction=0),
            "select": select,
            "softmax_backward": lambda g, y: torch._softmax_backward_data(g, y, 1, y.dtype),
            "layer_norm": lambda x: torch.nn.functional.layer_norm(x, x.shape[1:]),
            "layer_norm_backward": self.layer_norm_backward,
            "cross_entropy": lambda x: torch.nn.functional.cross_entropy(x, self.targets(x)),
            "cross_entropy_backward": self.cross_entropy_backward,
            "dropout": lambda x: torch.nn.functional.dropout(x, 0.5),
            "dropout_backward": lambda x: torch.nn.functional.dropout(x, 0.5),
            "moments": lambda x: torch.var_mean(x, dim=1, correction=0),
            "moments_0": lambda x: torch.var_mean(x, dim=0, correction=0),
            "logsumexp": lambda x: torch.logsumexp(x, 1),
            "batch_norm": lambda x: torch.nn.functional.batch_norm(x, None, None, training=True),
            "batch_norm_backward": self.batch_norm_backward,
            "epilogue": lambda a, b, bias: gelu(torch.addmm(bias, a, b)),
        }

    def targets(self, x):
        return self.torch.arange(x.shape[0], device=x.device) % x.shape[1]

    def layer_norm_backward(self, g, x):
        """With the statistics that operations.cpp takes."""
        mean = self.torch.zeros((x.shape[0], 1), device=x.device)
        scale = self.torch.full((x.shape[0], 1), 1.7320508, device=x.device)
        backward = self.torch.ops.aten.native_layer_norm_backward
        return backward(g, x, list(x.shape[1:]), mean, scale, None, None, [True, False, False])[0]

    def cross_entropy_backward(self, x):
        """From the logits alone: log_softmax, the loss and the gradients of both."""
        x = x.detach().requires_grad_()
        loss = self.torch.nn.functional.cross_entropy(x, self.targets(x))
        return self.torch.autograd.grad(loss, x)[0]

    def batch_norm_backward(self, g, x):
        """The statistics first, as operations.cpp does."""
        var, mean = self.torch.var_mean(x, dim=(0, 2, 3), correction=0)
        scale = self.torch.rsqrt(var + 1e-5)
        backward = self.torch.ops.aten.native_batch_norm_backward
        return backward(g, x, None, None, None, mean, scale, True, 1e-5, [True, False, False])[0]

    def linear_algebra(self):
        """Name of the form, function; the forms called _ex do not look for errors, which saves a wait."""
        la = self.torch.linalg
        zero_based = lambda results: [results[0], results[1] - 1]
        svd = lambda driver: lambda a: la.svd(a, full_matrices=False, driver=driver)
        gpu = self.device.startswith("cuda")
        return {
            "lu": [("", lambda a: la.lu_factor(a), zero_based), (" unchecked", lambda a: la.lu_factor_ex(a)[:2], zero_based)],
            "qr": [("", lambda a: la.qr(a), None)],
            "inverse": [("", lambda a: la.inv(a), None), (" unchecked", lambda a: la.inv_ex(a)[0], None)],
            "cholesky": [("", lambda a: la.cholesky(a), None), (" unchecked", lambda a: la.cholesky_ex(a)[0], None)],
            "solve": [("", lambda a, b: la.solve(a, b), None), (" unchecked", lambda a, b: la.solve_ex(a, b)[0], None)],
            "eigh": [("", lambda a: la.eigh(a), None)],
            "svd": [("", lambda a: la.svd(a, full_matrices=False), None)]
            + [(" " + driver, svd(driver), None) for driver in ("gesvd", "gesvda") if gpu],
        }

    def contenders(self, case, sets):
        torch, name = self.torch, case["operation"]
        torch.set_float32_matmul_precision("high" if case["tf32"] else "highest")
        torch.backends.cudnn.allow_tf32 = case["tf32"]
        if name.startswith("conv2d"):
            return self.convolutions(name, sets)
        if name == "matmul":
            return [Contender(self, "PyTorch", lambda a, b: a @ b, sets)]
        if name == "replay":
            return self.replay(case, sets)
        if name in self.linear_algebra():
            forms = self.linear_algebra()[name]
            # One of the two is a loop over the matrices of a batch, the other is meant for batches.
            useless = " gesvd" if len(case["inputs"][0]["shape"]) > 2 else " gesvda"
            forms = [form for form in forms if form[0] != useless]
            return [Contender(self, "PyTorch" + form, run, sets, canonical) for form, run, canonical in forms]
        run = self.elementwise()[name]
        canonical = swap if name in ("mean_var", "moments", "moments_0") else None
        found = [Contender(self, "PyTorch", run, sets, canonical)]
        if name == "epilogue":
            only = Contender(self, "PyTorch, the product alone", lambda a, b, bias: a @ b, sets, reference=True)
            found.append(only)
        if self.compile_mode != "none" and case["group"] == "memory-bound":  # compiling is slow
            mode = None if self.compile_mode == "default" else self.compile_mode
            compiled = torch.compile(run, mode=mode, dynamic=False)
            found.append(Contender(self, "PyTorch compiled", compiled, sets, canonical, compiles=True))
        return found

    def convolutions(self, name, sets):
        """On maps as they are, and on maps whose channels lie side by side."""
        torch = self.torch
        mode, stride, padding, *size = name.split()
        stride, padding = int(stride), int(padding)
        backward = lambda g, x, w, mask: torch.ops.aten.convolution_backward(
            g, x, w, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, mask
        )

        def contender(title, layout):
            a, b = own[layout][0]
            # Of the operand whose gradient is computed only shape and layout count.
            shape = {
                "conv2d": (1, 1, 1, 1),
                "conv2d_input": (a.shape[0], b.shape[1], *size * 2),
                "conv2d_weight": (b.shape[1], a.shape[1], *size * 2),
            }[mode]
            shape = [int(n) for n in shape]
            like = torch.empty(shape, dtype=a.dtype, device=a.device).contiguous(memory_format=layout)
            run = {
                "conv2d": lambda x, w: torch.nn.functional.conv2d(x, w, stride=stride, padding=padding),
                "conv2d_input": lambda g, w: backward(g, like, w, [True, False, False])[0],
                "conv2d_weight": lambda x, g: backward(g, x, like, [False, True, False])[1],
            }[mode]
            return Contender(self, title, run, own[layout])

        plain, last = torch.contiguous_format, torch.channels_last
        own = {plain: sets, last: [[t.contiguous(memory_format=last) for t in inputs] for inputs in sets]}
        return [contender("PyTorch", plain), contender("PyTorch channels last", last)]

    def replay(self, case, sets):
        torch = self.torch

        def steps(y, w):
            for i in range(case["expected_kernels"]):
                y = y @ w if i % 2 == 0 else torch.softmax(y, -1)
            return y

        if not self.device.startswith("cuda"):
            return [Contender(self, "PyTorch", steps, sets)]
        x, w = (t.clone() for t in sets[0])
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            steps(x, w)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            out = steps(x, w)

        def run(y, v):
            x.copy_(y)
            w.copy_(v)
            graph.replay()
            return out

        return [Contender(self, "PyTorch graph", run, sets), Contender(self, "PyTorch", steps, sets)]
