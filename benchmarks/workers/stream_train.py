"""One run on images that stay in their files. Arguments: folder, image side, epochs, workers. Says its peak size."""

import json
import os
import sys
import tempfile

from jaxflow.runtime.startup import tune_allocator


def main(folder, side, epochs, workers):
    tune_allocator()
    import resource

    import jaxflow

    data = jaxflow.ImageFolder(folder, size=(side, side), split=jaxflow.HoldOut(0.0, 0.0), in_memory=False)
    experiment = jaxflow.Experiment(
        data=data,
        preprocess=(jaxflow.Scale(),),
        model=jaxflow.MLP(hidden=(8,)),
        problem=jaxflow.Classification(),
        optimizer=jaxflow.SGD(0.0),
        batch_size=32,
        epochs=epochs,
        num_workers=workers,
        validate_every_epochs=max(epochs, 1),  # one checkpoint, however many epochs
    )
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["JAXFLOW_CACHE_DIR"] = f"{scratch}/cache"
        dataset = data.load()
        split = dataset.splits["train"]
        jaxflow.train(experiment, f"{scratch}/run", dataset=dataset)
    sizes = {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    if workers:
        sizes["largest_worker_mb"] = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(json.dumps({"images": len(split), "decoded_mb": split.nbytes / 2**20, **sizes}), flush=True)


if __name__ == "__main__":  # processes that read ahead import this file again
    main(sys.argv[1], *map(int, sys.argv[2:5]))
