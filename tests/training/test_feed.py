import dataclasses
import threading
import time

import jax
import numpy as np
import pytest

from jaxflow.data.order import indices, permutation
from jaxflow.training.feed import make_feed
from jaxflow.training.parallel import make_layout
from jaxflow.training.setup import set_up


@pytest.mark.parametrize("kind", ["device", "host"])
@pytest.mark.parametrize("step", [0, 6])  # of 50 examples in batches of 8: the seventh batch spans two epochs
def test_a_batch_says_which_examples_it_holds_and_in_which_epoch(kind, step, experiment, toy):
    feed = set_up(dataclasses.replace(experiment, feed=kind), toy).feed
    item = jax.tree.map(lambda leaf: leaf[0], feed.items(step, 1))
    batch = jax.device_get(feed.fetch(feed.resident, item))
    rows = indices(step, 50, 8, experiment.seed)
    np.testing.assert_array_equal(batch["index"], rows)
    np.testing.assert_array_equal(batch["inputs"], toy.splits["train"].inputs[rows])
    np.testing.assert_array_equal(batch["targets"], toy.splits["train"].targets[rows])
    np.testing.assert_array_equal(batch["epoch"], [0] * 8 if step == 0 else [0, 0, 1, 1, 1, 1, 1, 1])
    assert {batch[name].dtype for name in ("index", "epoch")} == {np.dtype("int32")}
    assert permutation(50, 0, 1)[0] == rows[2] or step == 0


def test_the_next_batch_is_made_while_the_device_is_busy(experiment, toy):
    seen, split = [], toy.splits["train"]

    class Watched:
        nbytes = split.nbytes

        def __len__(self):
            return len(split)

        def rows(self, chosen):
            seen.append((tuple(chosen), threading.current_thread() is threading.main_thread()))
            return split.rows(chosen)

    feed = make_feed(Watched(), dataclasses.replace(experiment, feed="host"), make_layout("pmap"))
    first = feed.items(0, 1)
    deadline = time.monotonic() + 20
    while len(seen) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    expected = [tuple(indices(step, len(split), experiment.batch_size, experiment.seed)) for step in (0, 1)]
    assert seen == [(expected[0], True), (expected[1], False)]
    second, again = feed.items(1, 1), feed.items(0, 1)
    np.testing.assert_array_equal(second["index"][0], expected[1])
    np.testing.assert_array_equal(again["inputs"], first["inputs"])
