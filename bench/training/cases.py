"""The training steps that are timed, and their inputs. Needs NumPy; steps.cpp defines the same steps."""
import os

import numpy

BATCHES = 8  # sets of inputs, used in turn
VOCABULARY = 65  # of the language model

# name: what the step is, the shape of one batch of inputs, and the number of classes (0: targets shaped as the inputs)
CASES = {
    "mlp": ("MLP 784-512-512-10, batch 128, Adam", (128, 784), 10),
    "lenet": ("LeNet on 28x28, batch 128, Adam", (128, 1, 28, 28), 10),
    "tiny": ("MLP 16-32-4, batch 32, SGD", (32, 16), 4),
    "resnet": ("ResNet-18 on 32x32, batch 64, SGD with momentum", (64, 3, 32, 32), 10),
    "encoder": ("transformer encoder layer, d 256, 8 heads, 128 tokens, batch 16, AdamW", (16, 128, 256), 0),
    "resnet224": ("ResNet-18 on 224x224, bf16 autocast, batch 128, SGD with momentum", (128, 3, 224, 224), 1000),
    "gpt": ("GPT, 6 layers, d 384, 6 heads, 256 tokens, batch 32, AdamW", (32, 256), VOCABULARY),
    "gpt_bf16": ("GPT, 6 layers, d 384, 6 heads, 256 tokens, batch 32, bf16 autocast, AdamW", (32, 256), VOCABULARY),
}
TOKENS = {"gpt", "gpt_bf16"}  # inputs and targets are numbers of tokens
BF16 = {"resnet224", "gpt_bf16"}  # under autocast
FEWER = {"resnet224": 2}  # sets of inputs where they are large


def batches(name):
    return FEWER.get(name, BATCHES)


def write_tokens(name, folder):
    """Tokens at random; what follows each is a function of it, so that it can be learnt."""
    _, shape, vocabulary = CASES[name]
    random = numpy.random.default_rng(7)
    for turn in range(batches(name)):
        x = random.integers(0, vocabulary, shape)
        numpy.save(os.path.join(folder, f"x{turn}.npy"), x)
        numpy.save(os.path.join(folder, f"y{turn}.npy"), (3 * x + 7) % vocabulary)


def write_inputs(name, folder):
    """x0.npy, y0.npy, ...: normal inputs; labels that a linear function of the inputs decides, so that they can be learnt."""
    if name in TOKENS:
        return write_tokens(name, folder)
    _, shape, classes = CASES[name]
    random = numpy.random.default_rng(7)
    seen = min(int(numpy.prod(shape[1:])), 4096)  # of each input, by the rule
    rule = random.standard_normal((seen, max(classes, 1)))
    for turn in range(batches(name)):
        x = random.standard_normal(shape, dtype=numpy.float32)
        if classes:
            y = numpy.argmax(x.reshape(shape[0], -1)[:, :seen] @ rule, axis=1).astype(numpy.int64)
        else:
            y = numpy.tanh(numpy.roll(x, 1, axis=-1))
        numpy.save(os.path.join(folder, f"x{turn}.npy"), x)
        numpy.save(os.path.join(folder, f"y{turn}.npy"), y)
