"""One model, trained on one batch. Arguments: jaxflow or torch (eager), and the model's name in networks.py."""

import sys
import time

from benchmarks.workers.networks import NETWORKS, draw_batch
from benchmarks.workers.protocol import serve

WHO, NAME = sys.argv[1:]
NETWORK = NETWORKS[NAME]


def by_jaxflow():
    """Returns what does a number of train steps, and the seconds of its compilation."""
    from jaxflow.runtime.startup import tune_allocator

    tune_allocator()
    import jax

    import jaxflow

    kind = getattr(jaxflow, {"UNet, 2-D": "UNet", "UNet, 3-D": "UNet", "ResNet-18": "ResNet"}.get(NAME, NAME))
    sizes = {"outputs": NETWORK.classes, **NETWORK.sizes} | ({"vocab_size": NETWORK.tokens} if NETWORK.tokens else {})
    problem = jaxflow.Classification()
    if NETWORK.positions:
        problem = jaxflow.LanguageModelling() if NETWORK.tokens else jaxflow.Segmentation()
    inputs, targets = draw_batch(NETWORK)
    model, tx = kind(**sizes), jaxflow.make_optimizer(jaxflow.Adam(), 1000)
    state = jax.jit(lambda: jaxflow.init_state(model, tx, jax.random.key(0), inputs[:1]))()
    batch = jax.device_put({"inputs": inputs, "targets": targets})
    begun = time.perf_counter()
    step = jax.jit(jaxflow.make_train_step(model, problem, tx), donate_argnums=0).lower(state, batch).compile()
    seconds = time.perf_counter() - begun

    def work(calls):
        nonlocal state
        for _ in range(calls):
            state, _ = step(state, batch)
        jax.block_until_ready(state)

    return work, seconds


def by_torch():
    """Returns the same of PyTorch, whose first step stands for a compilation."""
    import torch

    from benchmarks.workers.torch_networks import build

    model = build(NAME, NETWORK)
    inputs, targets = map(torch.from_numpy, draw_batch(NETWORK))
    inputs, targets = inputs.long() if NETWORK.tokens else inputs, targets.long()
    if inputs.ndim > 3:
        layout = {4: torch.channels_last, 5: torch.channels_last_3d}[inputs.ndim]
        model, inputs = model.to(memory_format=layout), inputs.movedim(-1, 1).contiguous(memory_format=layout)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def work(calls):
        for _ in range(calls):
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(model(inputs), targets)
            loss.backward()
            optimizer.step()
        loss.item()

    begun = time.perf_counter()
    work(1)
    return work, time.perf_counter() - begun


work, seconds = {"jaxflow": by_jaxflow, "torch": by_torch}[WHO]()
serve(work, NETWORK.inputs[0], compile_seconds=seconds)
