"""The models in PyTorch; residual networks with torchvision's names, which also load its files of weights."""
import functools

from torch import nn


def lenet(channels=1, padding=2):
    return nn.Sequential(
        nn.Conv2d(channels, 6, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip


class Block(nn.Module):
    """What both blocks share: the shortcut, converted where shapes change."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.relu = nn.ReLU()
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        return self.relu(self.branch(x) + (x if self.downsample is None else self.downsample(x)))


class BasicBlock(Block):
    expansion = 1

    def __init__(self, inputs, width, stride):
        super().__init__(inputs, width, stride)
        self.conv1 = nn.Conv2d(inputs, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def branch(self, x):
        return self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))


class Bottleneck(Block):
    expansion = 4

    def __init__(self, inputs, width, stride):
        super().__init__(inputs, width * 4, stride)
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * 4, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * 4)

    def branch(self, x):
        y = self.relu(self.bn1(self.conv1(x)))
        return self.bn3(self.conv3(self.relu(self.bn2(self.conv2(y)))))


class ResNet(nn.Module):
    def __init__(self, block, counts, classes, small_images):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False) if small_images else (
            nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False))  # fmt: skip
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.maxpool = nn.Identity() if small_images else nn.MaxPool2d(3, stride=2, padding=1)
        inputs = 64
        for i, count in enumerate(counts):
            width, blocks = 64 << i, []
            for j in range(count):
                blocks.append(block(inputs, width, 2 if i > 0 and j == 0 else 1))
                inputs = width * block.expansion
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


# By nngpu_exchange's names: how to make the model, and the shape of an input for it.
MODELS = {
    "lenet": (lenet, (5, 1, 28, 28)),
    "lenet32": (functools.partial(lenet, 3, 0), (3, 3, 32, 32)),
    "resnet18": (functools.partial(ResNet, BasicBlock, (2, 2, 2, 2), 1000, False), (2, 3, 75, 93)),
    "resnet18_small": (functools.partial(ResNet, BasicBlock, (2, 2, 2, 2), 10, True), (3, 3, 32, 32)),
    "resnet50": (functools.partial(ResNet, Bottleneck, (3, 4, 6, 3), 1000, False), (2, 3, 64, 64)),
}
