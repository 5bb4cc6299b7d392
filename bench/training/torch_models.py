"""The same models and optimizers in PyTorch."""
import torch
from torch import nn
from torch.nn import functional


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
    if name == "encoder":
        model, loss = encoder().to(device), functional.mse_loss
        return model, loss, torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, **adam)
    raise ValueError(name)
