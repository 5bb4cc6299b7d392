#!/usr/bin/env python3
"""One training step in JAX, as a process that answers requests on its standard input, as torch_peer.py does.

    jax_peer.py CASE FOLDER DEVICE         serves: run STEPS, memory, quit

The whole step is one jitted function whose state is donated. Images lie with their channels last, as XLA wants them. With
NNGPU_TF32=0 in the environment products of f32 are computed in f32; else JAX's defaults hold.
"""
import os
import resource
import sys
import time

from serving import serve


def dense(key, inputs, outputs):
    import jax

    bound = inputs**-0.5
    kernel, bias = jax.random.split(key)
    return (
        jax.random.uniform(kernel, (inputs, outputs), minval=-bound, maxval=bound),
        jax.random.uniform(bias, (outputs,), minval=-bound, maxval=bound),
    )


def make_mlp(key):
    import jax

    sizes = (784, 512, 512, 10)
    keys = jax.random.split(key, 3)
    parameters = [dense(keys[i], sizes[i], sizes[i + 1]) for i in range(3)]

    def apply(parameters, x):
        for i, (weight, bias) in enumerate(parameters):
            x = x @ weight + bias
            x = jax.nn.relu(x) if i < 2 else x
        return x

    return parameters, apply


def make_lenet(key):
    import jax

    keys = jax.random.split(key, 5)
    shapes = [(25, 6), (150, 16), (400, 120), (120, 84), (84, 10)]
    parameters = [dense(k, *shape) for k, shape in zip(keys, shapes)]

    def convolve(x, parameter, inputs, padding):
        weight = parameter[0].reshape(5, 5, inputs, -1)
        y = jax.lax.conv_general_dilated(x, weight, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))
        y = jax.nn.relu(y + parameter[1])
        return jax.lax.reduce_window(y, -float("inf"), jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")

    def apply(parameters, x):
        x = convolve(x, parameters[0], 1, "SAME")
        x = convolve(x, parameters[1], 6, "VALID").reshape(x.shape[0], -1)
        for i, (weight, bias) in enumerate(parameters[2:]):
            x = x @ weight + bias
            x = jax.nn.relu(x) if i < 2 else x
        return x

    return parameters, apply


def adam_step(apply, rate=1e-3, beta1=0.9, beta2=0.999, epsilon=1e-8):
    """(state, x, y) -> (state, loss); the state is (step, parameters, first moments, second moments)."""
    import jax
    import jax.numpy as jnp

    def loss_of(parameters, x, y):
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(apply(parameters, x)), y[:, None], 1))

    def step(state, x, y):
        count, parameters, first, second = state
        loss, gradients = jax.value_and_grad(loss_of)(parameters, x, y)
        count = count + 1
        first = jax.tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, first, gradients)
        second = jax.tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, second, gradients)

        def moved(p, m, v):
            return p - rate * (m / (1 - beta1**count)) / (jnp.sqrt(v / (1 - beta2**count)) + epsilon)

        return (count, jax.tree.map(moved, parameters, first, second), first, second), loss

    return jax.jit(step, donate_argnums=0)


class Peer:
    def __init__(self, case, folder, device):
        os.environ["JAX_PLATFORMS"] = device
        os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        import jax
        import jax.numpy as jnp
        import numpy

        from cases import batches

        if os.environ.get("NNGPU_TF32") == "0":
            jax.config.update("jax_default_matmul_precision", "highest")
        self.jax, self.version, self.turn = jax, jax.__version__, 0
        parameters, apply = (make_mlp if case == "mlp" else make_lenet)(jax.random.key(1))
        self.parameters = sum(leaf.size for leaf in jax.tree.leaves(parameters))
        zeros = [jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)]
        self.state, self.step = (jnp.float32(0), parameters, *zeros), adam_step(apply)
        self.batches = []
        for turn in range(batches(case)):
            x, y = (numpy.load(f"{folder}/{kind}{turn}.npy") for kind in "xy")
            x = x.transpose(0, 2, 3, 1) if x.ndim == 4 else x
            self.batches.append((jax.device_put(x), jax.device_put(y.astype(numpy.int32))))

    def run(self, steps):
        start = time.perf_counter()
        for _ in range(steps):
            self.state, loss = self.step(self.state, *self.batches[self.turn])
            self.turn = (self.turn + 1) % len(self.batches)
        loss = float(loss)
        return {"seconds": time.perf_counter() - start, "loss": loss}

    def memory(self):
        statistics = self.jax.devices()[0].memory_stats()
        if statistics:
            return {"baseline_kib": 0, "peak_kib": statistics["peak_bytes_in_use"] // 1024}
        return {"baseline_kib": 0, "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}


if __name__ == "__main__":
    serve(Peer, *sys.argv[1:4])
