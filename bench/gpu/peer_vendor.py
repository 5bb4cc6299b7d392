"""The vendor's batched calls used directly, through ctypes: cuBLAS and cuSOLVER on column-major stacks of f32.

Calls that overwrite their input work on a copy, which is timed: the other contenders leave their inputs alone too.
"""
import ctypes
import glob
import os
import sys

from peers import Contender

LOWER, VECTORS, NO_TRANSPOSE, REAL32 = 0, 1, 0, 0


def open_library(name):
    """The library by its plain name where PyTorch has loaded it already, else from NVIDIA's Python packages."""
    candidates = [f"lib{name}.so.{version}" for version in (13, 12, 11)] + [f"lib{name}.so"]
    for folder in sys.path:
        candidates += sorted(glob.glob(os.path.join(folder, "nvidia", "*", "lib", f"lib{name}.so.*")))
    for candidate in candidates:
        try:
            return ctypes.CDLL(candidate)
        except OSError:
            continue
    raise RuntimeError(f"lib{name} was not found")


def convert(argument):
    """Tensors pass their address, Python's integers are C ints, and wide() makes 64-bit ones."""
    if hasattr(argument, "data_ptr"):
        return ctypes.c_void_p(argument.data_ptr())
    return argument


wide = ctypes.c_longlong


def call(function, *arguments):
    status = function(*[convert(a) for a in arguments])
    if status != 0:
        raise RuntimeError(f"{function.__name__} returned {status}")


class Stack:
    """Storage for `count` column-major matrices, with the table of addresses that cuBLAS takes."""

    def __init__(self, torch, like):
        count, n = like.shape[0], like.shape[-1]
        self.memory = torch.empty_like(like)
        steps = torch.arange(count, dtype=torch.int64, device=like.device)
        self.table = steps * (n * n * 4) + self.memory.data_ptr()

    def fill(self, other):
        self.memory.copy_(other)
        return self.table


class Vendor:
    title = "cuBLAS, cuSOLVER"

    def __init__(self, device, _):
        if not device.startswith("cuda"):
            raise RuntimeError("it runs on CUDA only")
        import torch

        torch.linalg.inv(torch.eye(2, device=device))  # makes the context, loads the libraries
        self.torch, self.device = torch, device
        self.version = torch.version.cuda
        self.blas, self.solver = open_library("cublas"), open_library("cusolver")
        self.blas_handle, self.solver_handle = ctypes.c_void_p(), ctypes.c_void_p()
        call(self.blas.cublasCreate_v2, ctypes.byref(self.blas_handle))
        call(self.solver.cusolverDnCreate, ctypes.byref(self.solver_handle))

    def wait(self, _):
        self.torch.cuda.synchronize()

    def element(self, result):
        return result.reshape(-1)[-1].item()

    def to_torch(self, result):
        return result

    def release(self):
        pass

    def integers(self, *shape):
        return self.torch.empty(shape, dtype=self.torch.int32, device=self.device)

    def workspace(self, bytes_needed):
        return self.torch.empty(max(1, bytes_needed), dtype=self.torch.uint8, device=self.device)

    def factor(self, like):
        """getrfBatched on a copy: the function, its storage and its pivots."""
        count, n = like.shape[0], like.shape[-1]
        stack, pivots, info = Stack(self.torch, like), self.integers(count, n), self.integers(count)

        def run(a):
            table = stack.fill(a)
            call(self.blas.cublasSgetrfBatched, self.blas_handle, n, table, n, pivots, info, count)

        return run, stack, pivots, info

    def lu(self, like):
        factor, stack, pivots, _ = self.factor(like)

        def run(a):
            factor(a)
            return stack.memory, pivots

        return [("getrfBatched", run, lambda r: [r[0].mT, r[1] - 1])]

    def inverse(self, like):
        count, n = like.shape[0], like.shape[-1]
        factor, stack, pivots, info = self.factor(like)
        out, source = Stack(self.torch, like), Stack(self.torch, like)

        def two_calls(a):
            factor(a)
            call(self.blas.cublasSgetriBatched, self.blas_handle, n, stack.table, n, pivots, out.table, n, info, count)
            return out.memory

        def one_call(a):  # it leaves its input alone, but the table of addresses belongs to one set
            table = source.fill(a)
            call(self.blas.cublasSmatinvBatched, self.blas_handle, n, table, n, out.table, n, info, count)
            return out.memory

        found = [("getrfBatched, getriBatched", two_calls, lambda r: [r[0].mT])]
        return found + ([("matinvBatched", one_call, lambda r: [r[0].mT])] if n <= 32 else [])

    def solve(self, like):
        count, n = like.shape[0], like.shape[-1]
        factor, stack, pivots, _ = self.factor(like)
        right, status = Stack(self.torch, like), ctypes.c_int()

        def run(a, b):
            factor(a)
            table = right.fill(b)
            call(
                self.blas.cublasSgetrsBatched, self.blas_handle, NO_TRANSPOSE, n, n, stack.table, n, pivots, table, n,
                ctypes.byref(status), count,
            )  # fmt: skip
            return right.memory

        return [("getrfBatched, getrsBatched", run, lambda r: [r[0].mT])]

    def cholesky(self, like):
        count, n = like.shape[0], like.shape[-1]
        stack, info = Stack(self.torch, like), self.integers(count)

        def run(a):
            table = stack.fill(a)
            call(self.solver.cusolverDnSpotrfBatched, self.solver_handle, LOWER, n, table, n, info, count)
            return stack.memory

        return [("potrfBatched", run, lambda r: [r[0].mT])]

    def jacobi_parameters(self, kind):
        parameters = ctypes.c_void_p()
        call(getattr(self.solver, f"cusolverDnCreate{kind}Info"), ctypes.byref(parameters))
        return parameters

    def eigh(self, like):
        torch, solver, handle = self.torch, self.solver, self.solver_handle
        count, n = like.shape[0], like.shape[-1]
        a, w, info = torch.empty_like(like), like.new_empty(count, n), self.integers(count)
        parameters, size = self.jacobi_parameters("Syevj"), ctypes.c_int()
        shared = (handle, VECTORS, LOWER, n, a, n, w)
        call(solver.cusolverDnSsyevjBatched_bufferSize, *shared, ctypes.byref(size), parameters, count)
        work = self.workspace(4 * size.value)

        def jacobi(x):
            a.copy_(x)
            call(solver.cusolverDnSsyevjBatched, *shared, work, size.value, info, parameters, count)
            return w, a

        canonical = lambda r: [r[0], r[1].mT]
        found = [("syevjBatched", jacobi, canonical)]
        if hasattr(solver, "cusolverDnXsyevBatched"):
            found.append(("XsyevBatched", self.general_eigh(a, w, info, n, count), canonical))
        return found

    def general_eigh(self, a, w, info, n, count):
        solver, settings = self.solver, ctypes.c_void_p()
        call(solver.cusolverDnCreateParams, ctypes.byref(settings))
        on_device, on_host = ctypes.c_size_t(), ctypes.c_size_t()
        shared = (self.solver_handle, settings, VECTORS, LOWER, wide(n), REAL32, a, wide(n), REAL32, w, REAL32)
        sizes = (ctypes.byref(on_device), ctypes.byref(on_host), wide(count))
        call(solver.cusolverDnXsyevBatched_bufferSize, *shared, *sizes)
        work, host = self.workspace(on_device.value), ctypes.create_string_buffer(max(1, on_host.value))

        def run(x):
            a.copy_(x)
            call(solver.cusolverDnXsyevBatched, *shared, work, on_device, host, on_host, info, wide(count))
            return w, a

        return run

    def svd(self, like):
        torch, solver, handle = self.torch, self.solver, self.solver_handle
        count, n = like.shape[0], like.shape[-1]
        a, u, v = (torch.empty_like(like) for _ in range(3))
        s, info = like.new_empty(count, n), self.integers(count)
        canonical = lambda r: [r[0].mT, r[1], r[2]]  # V in columns, which row by row is its transpose
        found = [("gesvdaStridedBatched", self.approximate_svd(a, u, s, v, info, n, count), canonical)]
        if n <= 32:
            parameters, size = self.jacobi_parameters("Gesvdj"), ctypes.c_int()
            shared = (handle, VECTORS, n, n, a, n, s, u, n, v, n)
            call(solver.cusolverDnSgesvdjBatched_bufferSize, *shared, ctypes.byref(size), parameters, count)
            work = self.workspace(4 * size.value)

            def jacobi(x):
                a.copy_(x)
                call(solver.cusolverDnSgesvdjBatched, *shared, work, size.value, info, parameters, count)
                return u, s, v

            found.append(("gesvdjBatched", jacobi, canonical))
        return found

    def approximate_svd(self, a, u, s, v, info, n, count):
        solver, size, step = self.solver, ctypes.c_int(), wide(n * n)
        shared = (self.solver_handle, VECTORS, n, n, n, a, n, step, s, wide(n), u, n, step, v, n, step)
        call(solver.cusolverDnSgesvdaStridedBatched_bufferSize, *shared, ctypes.byref(size), count)
        work, residuals = self.workspace(4 * size.value), (ctypes.c_double * count)()

        def run(x):
            a.copy_(x)
            call(solver.cusolverDnSgesvdaStridedBatched, *shared, work, size.value, info, residuals, count)
            return u, s, v

        return run

    def contenders(self, case, sets):
        make = {
            "lu": self.lu,
            "inverse": self.inverse,
            "solve": self.solve,
            "cholesky": self.cholesky,
            "eigh": self.eigh,
            "svd": self.svd,
        }.get(case["operation"])
        if make is None or len(case["inputs"][0]["shape"]) != 3 or case["dtype"] != "f32":
            return []
        columns = [[t.mT.contiguous() for t in inputs] for inputs in sets]
        return [Contender(self, name, run, columns, canonical) for name, run, canonical in make(columns[0][0])]
