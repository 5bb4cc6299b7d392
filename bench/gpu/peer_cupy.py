"""CuPy, with its fused functions where it has them."""
import importlib

from peers import Contender


class Cupy:
    title = "CuPy"

    def __init__(self, device, _):
        if not device.startswith("cuda"):
            raise RuntimeError("it runs on CUDA only")
        import cupy
        import torch

        self.cupy, self.torch = cupy, torch
        self.version = cupy.__version__
        cupy.zeros(1)

    def wait(self, _):
        self.cupy.cuda.get_current_stream().synchronize()

    def element(self, result):
        return result.reshape(-1)[-1].item()

    def to_torch(self, result):
        return self.torch.from_dlpack(result)

    def release(self):
        self.cupy.get_default_memory_pool().free_all_blocks()

    def set_tf32(self, allowed):
        """CuPy has no public switch; the one behind CUPY_TF32 is looked for, and products of tf32 have no peer without."""
        routines = importlib.import_module("cupy._core._routines_linalg")
        try:
            kind = routines.COMPUTE_TYPE_TF32 if allowed else routines.COMPUTE_TYPE_DEFAULT
            routines.set_compute_type(self.cupy.dtype("float32"), kind)
        except AttributeError:
            if allowed:
                raise

    def operations(self):
        cupy = self.cupy
        la = cupy.linalg
        erf = importlib.import_module("cupyx.scipy.special").erf
        solvers = importlib.import_module("cupyx.scipy.linalg")

        @cupy.fuse()
        def chain(x, y, z):
            t = x * y + z
            return cupy.float32(0.5) * t * (cupy.float32(1) + erf(t * cupy.float32(0.70710678118654752))) * x

        @cupy.fuse()
        def select(x, y, z):
            return cupy.where((x > y) & (y < z), x, cupy.where(x > z, y, z))

        def softmax(x):
            e = cupy.exp(x - x.max(axis=1, keepdims=True))
            e /= e.sum(axis=1, keepdims=True)
            return e

        return {
            "matmul": lambda a, b: a @ b,
            "chain": chain,
            "copy": lambda x: x.copy(),
            "transpose": lambda x: cupy.ascontiguousarray(x.T),
            "sum_all": lambda x: x.sum(),
            "sum_0": lambda x: x.sum(axis=0),
            "sum_1": lambda x: x.sum(axis=1),
            "max_all": lambda x: x.max(),
            "max_0": lambda x: x.max(axis=0),
            "max_1": lambda x: x.max(axis=1),
            "softmax": softmax,
            "mean_var": lambda x: (x.mean(axis=1), x.var(axis=1)),
            "select": select,
            "lu": lambda a: solvers.lu_factor(a, check_finite=False),
            "qr": lambda a: la.qr(a),
            "inverse": lambda a: la.inv(a),
            "cholesky": lambda a: la.cholesky(a),
            "solve": lambda a, b: la.solve(a, b),
            "eigh": lambda a: la.eigh(a),
            "svd": lambda a: la.svd(a, full_matrices=False),
        }

    def contenders(self, case, sets):
        run = self.operations().get(case["operation"])
        if run is None or case["dtype"] == "bf16":
            return []
        self.set_tf32(case["tf32"])
        own = [[self.cupy.from_dlpack(t) for t in inputs] for inputs in sets]
        return [Contender(self, "CuPy", run, own)]
