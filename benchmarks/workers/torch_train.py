"""The same network in PyTorch. Arguments: batch size, mode (eager, channels_last or compile)."""

import sys

import torch
from torch import nn

from benchmarks.workers.protocol import images, serve

BATCH, MODE = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(torch.get_num_threads())

model = nn.Sequential(
    nn.Conv2d(3, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Flatten(),
    nn.Linear(1024, 64), nn.ReLU(), nn.Linear(64, 10),
)  # fmt: skip
inputs, labels = (torch.from_numpy(array) for array in images())
inputs, labels = inputs.permute(0, 3, 1, 2).contiguous(), labels.long()
if MODE != "eager":
    model = model.to(memory_format=torch.channels_last)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
forward = torch.compile(model) if MODE == "compile" else model
order, position = torch.randperm(len(labels)), 0


def work(calls):
    global order, position
    for _ in range(calls):
        if position + BATCH > len(order):
            order, position = torch.randperm(len(labels)), 0
        rows = order[position : position + BATCH]
        position += BATCH
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(forward(inputs[rows].float() / 255), labels[rows])
        loss.backward()
        optimizer.step()
    loss.item()


serve(work, BATCH)
