"""A training loop as one writes it by hand: Flax's layers, Optax, jit, nothing else.

Arguments: batch size, model, width factor, side.
"""

import sys

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.workers.protocol import images, serve

BATCH, MODEL = int(sys.argv[1]), sys.argv[2]
WIDTH, SIDE = (int(argument) for argument in (*sys.argv[3:], "1", "32")[:2])


class CNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        for layer, width in enumerate((32, 64, 64)):
            x = nn.relu(nn.Conv(WIDTH * width, (3, 3), padding="VALID")(x))
            if layer < 2:
                x = nn.max_pool(x, (2, 2), (2, 2))
        x = nn.relu(nn.Dense(64)(x.reshape(x.shape[0], -1)))
        return nn.Dense(10)(x)


class MLP(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(10)(nn.relu(nn.Dense(64)(x.reshape(x.shape[0], -1))))


inputs, labels = images()
if SIDE != 32:
    inputs = np.resize(inputs, (len(inputs), SIDE, SIDE, 3))
if MODEL == "mlp":
    inputs = inputs[:, :8, :8, :1]
model = CNN() if MODEL == "cnn" else MLP()
tx = optax.adam(1e-3)
params = model.init(jax.random.key(0), jnp.zeros((1, *inputs.shape[1:])))
inputs, labels = jax.device_put((inputs, labels))


@jax.jit
def step(state, inputs, labels, rows):
    params, opt_state = state

    def loss(params):
        logits = model.apply(params, inputs[rows].astype(jnp.float32) / 255)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels[rows]).mean()

    value, gradient = jax.value_and_grad(loss)(params)
    updates, opt_state = tx.update(gradient, opt_state, params)
    return (optax.apply_updates(params, updates), opt_state), value


step = jax.jit(step.__wrapped__, donate_argnums=0)
state = (params, tx.init(params))
generator, order, position = np.random.RandomState(0), np.zeros(0, np.int32), 0


def work(calls):
    global state, order, position
    for _ in range(calls):
        if position + BATCH > len(order):
            order, position = generator.permutation(len(labels)).astype(np.int32), 0
        state, value = step(state, inputs, labels, order[position : position + BATCH])
        position += BATCH
    jax.block_until_ready(value)


serve(work, BATCH)
