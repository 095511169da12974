import dataclasses

import jax
import numpy as np
import pytest

from jaxflow.data.order import indices, permutation
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
