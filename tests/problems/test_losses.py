import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxflow
from jaxflow.problems.losses import AbsoluteError, CrossEntropy, Huber, SquaredError

GENERATOR = np.random.RandomState(0)
LOGITS, LABELS = GENERATOR.randn(6, 4).astype(np.float32), np.array([0, 1, 2, 3, 0, 1])
VALUES = GENERATOR.randn(6, 2).astype(np.float32)


@pytest.mark.parametrize(
    ("loss", "changes"),
    [
        (CrossEntropy(0.1), {"label_smoothing": 0.3}),
        (CrossEntropy(class_weights=(1.0, 2.0, 3.0, 4.0)), {"class_weights": (4.0, 3.0, 2.0, 1.0)}),
        (Huber(1.0), {"delta": 0.5}),
    ],
)
def test_numbers_of_a_loss_may_be_traced(loss, changes):
    arguments = (LOGITS, LABELS) if isinstance(loss, CrossEntropy) else (VALUES, VALUES[::-1])
    other = dataclasses.replace(loss, **changes)
    traced = jax.jit(lambda numbers: dataclasses.replace(loss, **numbers)(*arguments))
    np.testing.assert_allclose(traced(changes), other(*arguments), rtol=1e-6)
    assert np.abs(np.asarray(other(*arguments)) - loss(*arguments)).max() > 1e-3


def test_what_is_off_is_no_part_of_the_program():
    plain = str(jax.make_jaxpr(CrossEntropy())(LOGITS, LABELS))
    one_hot_free = str(
        jax.make_jaxpr(lambda x, y: -jnp.take_along_axis(jax.nn.log_softmax(x), y[:, None], 1)[:, 0])(LOGITS, LABELS)
    )
    assert plain.count("reduce_sum") == one_hot_free.count("reduce_sum") == 1
    assert str(jax.make_jaxpr(CrossEntropy(0.1))(LOGITS, LABELS)).count("reduce_sum") == 2


@pytest.mark.parametrize("loss", [CrossEntropy(), SquaredError(), AbsoluteError(), Huber()])
def test_losses_are_hashable_values(loss):
    assert loss == type(loss)()
    assert hash(loss) == hash(type(loss)())


def test_smoothing_outside_0_to_1_is_refused():
    with pytest.raises(jaxflow.UserError, match=r"label_smoothing is 1\.5; it must be in \[0, 1\]"):
        CrossEntropy(1.5)
