"""The training steps that are timed, and their inputs. Needs NumPy; training_bench.cpp defines the same steps."""
import os

import numpy

BATCHES = 8  # sets of inputs, used in turn

# name: what the step is, the shape of one batch of inputs, and the number of classes (0: targets shaped as the inputs)
CASES = {
    "mlp": ("MLP 784-512-512-10, batch 128, Adam", (128, 784), 10),
    "lenet": ("LeNet on 28x28, batch 128, Adam", (128, 1, 28, 28), 10),
    "tiny": ("MLP 16-32-4, batch 32, SGD", (32, 16), 4),
    "resnet": ("ResNet-18 on 32x32, batch 64, SGD with momentum", (64, 3, 32, 32), 10),
    "encoder": ("transformer encoder layer, d 256, 8 heads, 128 tokens, batch 16, AdamW", (16, 128, 256), 0),
}


def write_inputs(name, folder):
    """x0.npy, y0.npy, ...: normal inputs; labels that a linear function of the inputs decides, so that they can be learnt."""
    _, shape, classes = CASES[name]
    random = numpy.random.default_rng(7)
    rule = random.standard_normal((int(numpy.prod(shape[1:])), max(classes, 1)))
    for turn in range(BATCHES):
        x = random.standard_normal(shape).astype(numpy.float32)
        if classes:
            y = numpy.argmax(x.reshape(shape[0], -1) @ rule, axis=1).astype(numpy.int64)
        else:
            y = numpy.tanh(numpy.roll(x, 1, axis=-1))
        numpy.save(os.path.join(folder, f"x{turn}.npy"), x)
        numpy.save(os.path.join(folder, f"y{turn}.npy"), y)
