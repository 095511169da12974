"""The same networks in PyTorch. Arguments: batch size, mode (eager, channels_last, compile or bfloat16), model.

bfloat16 is compile with autocast; the model is cnn (where none is given) or resnet. Runs on a GPU where there is one.
"""

import sys

import torch
from torch import nn

from benchmarks.workers.protocol import images, serve

BATCH, MODE = int(sys.argv[1]), sys.argv[2]
MODEL = sys.argv[3] if len(sys.argv) > 3 else "cnn"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
torch.set_num_threads(torch.get_num_threads())
torch.backends.cudnn.benchmark = True


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


def resnet():
    stem = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    stages = [
        nn.Sequential(Block(before, after, stride), Block(after, after, 1))
        for before, after, stride in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2))
    ]
    return nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


model = {"cnn": cnn, "resnet": resnet}[MODEL]().to(DEVICE)
inputs, labels = (torch.from_numpy(array).to(DEVICE) for array in images())
inputs, labels = inputs.permute(0, 3, 1, 2).contiguous(), labels.long()
if MODE != "eager":
    model = model.to(memory_format=torch.channels_last)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
forward = torch.compile(model) if MODE in ("compile", "bfloat16") else model
order, position = torch.randperm(len(labels), device=DEVICE), 0


def work(calls):
    global order, position
    for _ in range(calls):
        if position + BATCH > len(order):
            order, position = torch.randperm(len(labels), device=DEVICE), 0
        rows = order[position : position + BATCH]
        position += BATCH
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(DEVICE, torch.bfloat16, enabled=MODE == "bfloat16"):
            loss = nn.functional.cross_entropy(forward(inputs[rows].float() / 255), labels[rows])
        loss.backward()
        optimizer.step()
    loss.item()


serve(work, BATCH)
