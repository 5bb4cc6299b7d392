"""JAX: every operation compiled ahead."""
from peers import Contender


class Jax:
    title = "JAX"

    def __init__(self, device, _):
        import jax
        import torch

        jax.config.update("jax_enable_x64", True)
        self.jax, self.torch = jax, torch
        self.version = jax.__version__
        where = jax.devices()[0].platform
        if (where == "gpu") != device.startswith("cuda"):
            raise RuntimeError(f"this JAX runs on {where}")

    def wait(self, results):
        self.jax.block_until_ready(results)

    def element(self, result):
        return result.reshape(-1)[-1].item()

    def to_torch(self, result):
        return self.torch.from_dlpack(result)

    def release(self):
        self.jax.clear_caches()

    def operations(self, case):
        jax, jnp = self.jax, self.jax.numpy
        # Products of f32 take tf32 unless the highest precision is asked for.
        precision = jax.lax.Precision.DEFAULT if case["tf32"] else jax.lax.Precision.HIGHEST
        product = lambda a, b: jnp.matmul(a, b, precision=precision)
        gelu = lambda x: jax.nn.gelu(x, approximate=False)

        def replay(y, w):
            for i in range(case["expected_kernels"]):
                y = product(y, w) if i % 2 == 0 else jax.nn.softmax(y, axis=-1)
            return y

        return {
            "matmul": product,
            "epilogue": lambda a, b, bias: gelu(product(a, b) + bias),
            "chain": lambda x, y, z: gelu(x * y + z) * x,
            "copy": lambda x: jnp.array(x, copy=True),
            "transpose": lambda x: x.T,
            "sum_all": lambda x: x.sum(),
            "sum_0": lambda x: x.sum(0),
            "sum_1": lambda x: x.sum(1),
            "max_all": lambda x: x.max(),
            "max_0": lambda x: x.max(0),
            "max_1": lambda x: x.max(1),
            "softmax": lambda x: jax.nn.softmax(x, axis=1),
            "mean_var": lambda x: (x.mean(1), x.var(1)),
            "select": lambda x, y, z: jnp.where((x > y) & (y < z), x, jnp.where(x > z, y, z)),
            "lu": lambda a: jax.scipy.linalg.lu_factor(a),
            "qr": lambda a: tuple(jnp.linalg.qr(a)),
            "inverse": lambda a: jnp.linalg.inv(a),
            "cholesky": lambda a: jax.lax.linalg.cholesky(a, symmetrize_input=False),
            "solve": lambda a, b: jnp.linalg.solve(a, b),
            "eigh": lambda a: tuple(jnp.linalg.eigh(a, symmetrize_input=False)),
            "svd": lambda a: tuple(jnp.linalg.svd(a, full_matrices=False)),
            "replay": replay,
        }

    def contenders(self, case, sets):
        run = self.operations(case).get(case["operation"])
        if run is None:
            return []
        own = [[self.jax.numpy.from_dlpack(t) for t in inputs] for inputs in sets]
        compiled = self.jax.jit(run).lower(*own[0]).compile()
        return [Contender(self, "JAX", compiled, own)]
