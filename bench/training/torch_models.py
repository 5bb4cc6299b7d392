"""The same models and optimizers in PyTorch."""
import torch
from torch import nn
from torch.nn import functional

from cases import TOKENS, VOCABULARY


class Block(nn.Module):
    """Two 3x3 convolutions and a shortcut, as in ResNet-18."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = functional.relu(self.norm1(self.conv1(x)))
        return functional.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def resnet():
    """ResNet-18 with the stem for small images: one 3x3 convolution, no pooling."""
    layers = [nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    inputs = 64
    for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(inputs, outputs, stride), Block(outputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def resnet224():
    """ResNet-18 as torchvision has it."""
    layers = [nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(inputs, outputs, stride), Block(outputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))


class GptBlock(nn.Module):
    def __init__(self, size, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.attention, self.project = nn.Linear(size, 3 * size), nn.Linear(size, size)
        self.widen, self.narrow = nn.Linear(size, 4 * size), nn.Linear(4 * size, size)

    def forward(self, x):
        n, length, size = x.shape
        parts = self.attention(self.norm1(x)).split(size, dim=2)
        q, k, v = (part.view(n, length, self.heads, size // self.heads).transpose(1, 2) for part in parts)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.project(y.transpose(1, 2).reshape(n, length, size))
        return x + self.narrow(functional.gelu(self.widen(self.norm2(x))))


class Gpt(nn.Module):
    """As nanoGPT builds it, without dropout; the embedding and the last layer share their weight."""

    def __init__(self, vocabulary, context, layers, heads, size):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, size), nn.Embedding(context, size)
        self.blocks = nn.Sequential(*(GptBlock(size, heads) for _ in range(layers)))
        self.norm = nn.LayerNorm(size)
        for name, p in self.named_parameters():
            if "norm" not in name:
                nn.init.zeros_(p) if p.dim() == 1 else nn.init.normal_(p, std=0.02)

    def forward(self, x):
        y = self.tokens(x) + self.places.weight[: x.shape[1]]
        return functional.linear(self.norm(self.blocks(y)), self.tokens.weight)


def token_loss(logits, target):
    return functional.cross_entropy(logits.view(-1, logits.shape[-1]), target.reshape(-1))


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


def mlp(*sizes):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def encoder():
    return nn.TransformerEncoderLayer(256, 8, dim_feedforward=1024, dropout=0.0, activation="gelu", batch_first=True)


def make(name, fused, device="cpu", capturable=False):
    """The model, its loss and its optimizer; `fused` asks for PyTorch's fused update, `capturable` for one that a CUDA
    graph can hold."""
    adam = {"fused": fused, "capturable": capturable} if capturable else {"fused": fused}
    if name == "mlp":
        model, loss = mlp(784, 512, 512, 10).to(device), functional.cross_entropy
        return model, loss, torch.optim.Adam(model.parameters(), lr=1e-3, **adam)
    if name == "lenet":
        model, loss = lenet().to(device), functional.cross_entropy
        return model, loss, torch.optim.Adam(model.parameters(), lr=1e-3, **adam)
    if name == "tiny":
        model, loss = mlp(16, 32, 4).to(device), functional.cross_entropy
        return model, loss, torch.optim.SGD(model.parameters(), lr=1e-2, fused=fused)
    if name == "resnet":
        model, loss = resnet().to(device), functional.cross_entropy
        return model, loss, torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9, fused=fused)
    if name == "resnet224":
        model, loss = resnet224().to(device), functional.cross_entropy
        return model, loss, torch.optim.SGD(model.parameters(), lr=1e-2, momentum=0.9, fused=fused)
    if name in TOKENS:
        model, loss = Gpt(VOCABULARY, 256, 6, 6, 384).to(device), token_loss
        return model, loss, torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, **adam)
    if name == "encoder":
        model, loss = encoder().to(device), functional.mse_loss
        return model, loss, torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, **adam)
    raise ValueError(name)
