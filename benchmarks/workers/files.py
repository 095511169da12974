"""Batches of 32 photographs, read, decoded, resized to 128x128 and scaled to floats. Arguments: contender, folder."""

import os
import sys
import tempfile

from benchmarks.workers.protocol import serve

WHO, FOLDER = sys.argv[1:3]
BATCH, SIDE = 32, 128

if WHO.startswith("jaxflow"):
    from jaxflow.runtime.startup import tune_allocator

    tune_allocator()
    os.environ["JAXFLOW_CACHE_DIR"] = tempfile.mkdtemp()
    import jax

    import jaxflow
    from jaxflow.training.parallel.layout import make_layout
    from jaxflow.training.prepare import build_pipeline

    _, source, workers = WHO.split()
    none = jaxflow.HoldOut(0.0, 0.0)
    data = {
        "folder": jaxflow.ImageFolder(f"{FOLDER}/jpeg", size=(SIDE, SIDE), split=none, in_memory=False),
        "tfds": jaxflow.TFDS(
            "photographs", f"{FOLDER}/tfds", validation=0.0, test=0.0, size=(SIDE, SIDE), in_memory=False
        ),
    }[source]
    experiment = jaxflow.Experiment(
        data, None, None, None, batch_size=BATCH, epochs=100_000, data_placement="host", num_workers=int(workers)
    )

    def start():
        feed = build_pipeline(data.load().splits["train"], experiment, make_layout("pmap"))
        scale = jax.jit(lambda batch: batch["inputs"][0].astype("float32") / 255)
        state = {"step": 0}

        def work(calls):
            for _ in range(calls):
                out = scale(feed.step_inputs(state["step"], 1))
                state["step"] += 1
            out.block_until_ready()

        return work

elif WHO.startswith("torch"):
    import torch
    from torchvision import datasets, transforms

    torch.set_num_threads(1)  # its threads wait for each other over single images, and the slower for it

    def start():
        # Resized by the shorter side, and cut out of the middle, as jaxflow's "crop".
        resized = transforms.Compose([transforms.Resize(SIDE), transforms.CenterCrop(SIDE), transforms.ToTensor()])
        images = datasets.ImageFolder(f"{FOLDER}/jpeg", resized)
        workers = int(WHO.split()[1])
        loader = torch.utils.data.DataLoader(
            images, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0
        )
        state = {"iterator": iter(loader)}

        def work(calls):
            for _ in range(calls):
                try:
                    next(state["iterator"])
                except StopIteration:
                    state["iterator"] = iter(loader)
                    next(state["iterator"])

        return work

else:
    import tensorflow as tf

    def start():
        def read(path):
            image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
            resized = tf.image.resize(image, (SIDE, SIDE), antialias=WHO == "tf.data antialiased")
            return resized / 255.0, tf.strings.split(path, "/")[-2] == "odd"

        data = tf.data.Dataset.list_files(f"{FOLDER}/jpeg/*/*.jpg").repeat()
        # Two batches ahead, as torch's: more would be made while others have their turn.
        iterator = iter(data.map(read, tf.data.AUTOTUNE).batch(BATCH).prefetch(2))

        def work(calls):
            for _ in range(calls):
                next(iterator)

        return work


if __name__ == "__main__":  # processes that read ahead import this file again
    serve(start(), BATCH)
