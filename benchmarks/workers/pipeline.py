"""Batches of 128 with random flip and crop from images in memory. Argument: contender (jaxflow, torch, tf.data)."""

import sys

import numpy as np

from benchmarks.workers.protocol import images, serve

WHO, BATCH = sys.argv[1], 128
inputs, labels = images()

if WHO == "jaxflow":
    import jax

    import jaxflow
    from jaxflow.data.batching.order import indices
    from jaxflow.models.layers.rows import keys_by_row
    from jaxflow.transforms import augment

    resident, targets = jax.device_put(inputs), jax.device_put(labels)
    flip_and_crop = (jaxflow.Flip(), jaxflow.Crop(4))

    @jax.jit
    def batch(resident, targets, rows, key):
        return augment.apply(
            flip_and_crop, keys_by_row(key, 0, BATCH), {"inputs": resident[rows], "targets": targets[rows]}
        )["inputs"]

    key, state = jax.random.key(0), {"step": 0}

    def work(calls):
        for _ in range(calls):
            rows = indices(state["step"], len(inputs), BATCH, 0)
            out = batch(resident, targets, rows, jax.random.fold_in(key, state["step"]))
            state["step"] += 1
        out.block_until_ready()

elif WHO == "torch":
    import torch

    class Images(torch.utils.data.Dataset):
        def __len__(self):
            return len(inputs)

        def __getitem__(self, index):
            image = torch.from_numpy(inputs[index]).permute(2, 0, 1)
            if torch.rand(()) < 0.5:
                image = image.flip(-1)
            image = torch.nn.functional.pad(image[None].float(), (4, 4, 4, 4), mode="reflect")[0]
            row, column = torch.randint(0, 9, (2,)).tolist()
            return image[:, row : row + 32, column : column + 32], int(labels[index])

    loader = torch.utils.data.DataLoader(Images(), BATCH, shuffle=True, num_workers=2, persistent_workers=True)
    state = {"iterator": iter(loader)}

    def work(calls):
        for _ in range(calls):
            try:
                next(state["iterator"])
            except StopIteration:
                state["iterator"] = iter(loader)
                next(state["iterator"])

else:
    import tensorflow as tf

    def augmented(image, label):
        image = tf.image.random_flip_left_right(image)
        image = tf.pad(image, ((4, 4), (4, 4), (0, 0)), mode="REFLECT")
        return tf.image.random_crop(image, (32, 32, 3)), label

    data = tf.data.Dataset.from_tensor_slices((inputs, labels)).shuffle(len(inputs)).repeat()
    iterator = iter(data.map(augmented, tf.data.AUTOTUNE).batch(BATCH).prefetch(tf.data.AUTOTUNE))

    def work(calls):
        for _ in range(calls):
            next(iterator)


np.random.seed(0)
serve(work, BATCH)
