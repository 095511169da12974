"""The same networks in PyTorch. Arguments: batch size, mode (eager, channels_last, compile or bfloat16), model.

bfloat16 is compile with autocast; the model is cnn (where none is given) or resnet. Runs on a GPU where there is one.
"""

import sys

import torch
from torch import nn

from benchmarks.workers.protocol import images, serve
from benchmarks.workers.torch_networks import cnn, resnet18

BATCH, MODE = int(sys.argv[1]), sys.argv[2]
MODEL = sys.argv[3] if len(sys.argv) > 3 else "cnn"
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
torch.set_num_threads(torch.get_num_threads())
torch.backends.cudnn.benchmark = True


model = {"cnn": cnn, "resnet": resnet18}[MODEL]().to(DEVICE)
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
