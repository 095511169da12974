"""Networks in PyTorch, as jaxflow has them; those of networks.py take a name and sizes from there."""

import itertools

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, before, features, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, features, 3, stride, 1, bias=False), nn.BatchNorm2d(features), nn.ReLU(),
            nn.Conv2d(features, features, 3, 1, 1, bias=False), nn.BatchNorm2d(features),
        )  # fmt: skip
        self.shortcut = nn.Identity()
        if stride > 1 or before != features:
            self.shortcut = nn.Sequential(nn.Conv2d(before, features, 1, stride, bias=False), nn.BatchNorm2d(features))

    def forward(self, x):
        return nn.functional.relu(self.body(x) + self.shortcut(x))


def cnn():
    return nn.Sequential(
        nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(),
        nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def resnet18():
    """ResNet-18 for CIFAR-10."""
    stem = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    stages = [
        nn.Sequential(Block(before, after, stride), Block(after, after, 1))
        for before, after, stride in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2))
    ]
    return nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


class UNet(nn.Module):
    """Double convolutions with batch normalisation, skips that are concatenated, transposed convolutions back up."""

    def __init__(self, name, network):
        super().__init__()
        rank, (*_, channels) = len(network.positions), network.inputs
        conv, norm, up, pool = (
            getattr(nn, f"{kind}{rank}d") for kind in ("Conv", "BatchNorm", "ConvTranspose", "MaxPool")
        )

        def block(before, after):
            return nn.Sequential(
                conv(before, after, 3, padding=1, bias=False), norm(after), nn.ReLU(),
                conv(after, after, 3, padding=1, bias=False), norm(after), nn.ReLU(),
            )  # fmt: skip

        widths = network.sizes["widths"]
        self.down = nn.ModuleList(block(*pair) for pair in zip((channels, *widths), widths))
        self.ups = nn.ModuleList(up(wide, width, 2, 2) for width, wide in itertools.pairwise(widths))
        self.back = nn.ModuleList(block(2 * width, width) for width in widths[:-1])
        self.pool = pool(2)
        self.head = conv(widths[0], network.classes, 1)

    def forward(self, x):
        skips = []
        for block in self.down[:-1]:
            skips.append(block(x))
            x = self.pool(skips[-1])
        x = self.down[-1](x)
        for up, block, skip in zip(reversed(self.ups), reversed(self.back), reversed(skips)):
            x = block(torch.cat([skip, up(x)], 1))
        return self.head(x)


class Transformer(nn.Module):
    """torch's own encoder layers, normalised first, over tokens or patches; learned positions stand for rotary ones."""

    def __init__(self, name, network):
        super().__init__()
        width, heads = network.sizes["width"], network.sizes["heads"]
        self.causal, self.tokens = name == "TransformerDecoder", network.tokens
        if network.tokens:
            self.embed, time = nn.Embedding(network.tokens, width), network.inputs[1]
        else:
            patch = network.sizes["patch"]
            self.embed, time = nn.Conv2d(3, width, patch, patch), (network.inputs[1] // patch) ** 2
        self.positions = nn.Parameter(0.02 * torch.randn(1, time, width))
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(
            layer, network.sizes["layers"], nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.head = nn.Linear(width, network.classes)
        self.mask = nn.Transformer.generate_square_subsequent_mask(time) if self.causal else None

    def forward(self, x):
        x = self.embed(x)
        x = x if self.tokens else x.flatten(2).transpose(1, 2)  # (batch, time, width)
        x = self.head(self.blocks(x + self.positions, self.mask, is_causal=self.causal))
        return x.transpose(1, 2) if self.causal else x.mean(1)


class TCN(nn.Module):
    """Gated causal convolutions, normalised first."""

    def __init__(self, name, network):
        super().__init__()
        width, kernel = network.sizes["width"], network.sizes["kernel"]
        self.embed = nn.Linear(network.inputs[-1], width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in network.sizes["dilations"])
        self.convs = nn.ModuleList(nn.Conv1d(width, 2 * width, kernel, dilation=d) for d in network.sizes["dilations"])
        self.outs = nn.ModuleList(nn.Linear(width, width) for _ in network.sizes["dilations"])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, network.classes)

    def forward(self, x):
        x = self.embed(x)  # (batch, time, width)
        for norm, conv, out in zip(self.norms, self.convs, self.outs):
            past = (conv.kernel_size[0] - 1) * conv.dilation[0]
            value, gate = conv(nn.functional.pad(norm(x).transpose(1, 2), (past, 0))).transpose(1, 2).chunk(2, -1)
            x = x + out(torch.tanh(value) * torch.sigmoid(gate))
        return self.head(self.norm(x[:, -1]))


class Recurrent(nn.Module):
    """torch's own recurrent layer."""

    def __init__(self, name, network):
        super().__init__()
        self.layer = getattr(nn, name)(network.inputs[-1], network.sizes["width"], batch_first=True)
        self.head = nn.Linear(network.sizes["width"], network.classes)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


class ResNet9(nn.Module):
    """Convolutions with pooling, two of them followed by a residual block."""

    def __init__(self, name, network):
        super().__init__()

        def layer(before, after, pool=False):
            parts = [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
            return nn.Sequential(*parts, *[nn.MaxPool2d(2)] * pool)

        a, b, c, d = network.sizes["widths"]
        self.first, self.second = nn.Sequential(layer(3, a), layer(a, b, True)), nn.Sequential(layer(b, b), layer(b, b))
        self.third, self.fourth = (
            nn.Sequential(layer(b, c, True), layer(c, d, True)),
            nn.Sequential(layer(d, d), layer(d, d)),
        )
        self.head = nn.Linear(d, network.classes)

    def forward(self, x):
        x = self.first(x)
        x = self.third(x + self.second(x))
        return 0.125 * self.head((x + self.fourth(x)).amax((2, 3)))


def build(name, network):
    """Builds one of the networks of networks.py."""
    if name == "ResNet-18":
        return resnet18()
    kinds = {"UNet, 2-D": UNet, "UNet, 3-D": UNet, "TCN": TCN, "LSTM": Recurrent, "GRU": Recurrent, "ResNet9": ResNet9}
    return kinds.get(name, Transformer)(name, network)
