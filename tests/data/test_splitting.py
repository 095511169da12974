import numpy as np
import pytest

from jaxflow.data.splitting import count_of, hold_out
from jaxflow.errors import UserError

NAMES = [f"file_{i}" for i in range(1000)]


def test_both_sides_together_are_everything():
    kept, held = hold_out(NAMES, 100, seed=0)
    assert len(held) == 100
    assert sorted([*kept, *held]) == list(range(1000))


def test_the_same_ids_are_held_out_in_whatever_order_they_come():
    shuffled = list(np.random.RandomState(0).permutation(NAMES))
    held = {NAMES[i] for i in hold_out(NAMES, 200, 5)[1]}
    assert held == {shuffled[i] for i in hold_out(shuffled, 200, 5)[1]}


def test_added_examples_move_few_old_ones():
    before = {NAMES[i] for i in hold_out(NAMES, 100, 0)[1]}
    grown = NAMES + [f"new_{i}" for i in range(1000)]
    after = {grown[i] for i in hold_out(grown, 200, 0)[1]}
    assert len(before - after) < 30  # a permutation would move about 90


def test_another_seed_holds_out_others():
    assert set(hold_out(NAMES, 100, 0)[1]) != set(hold_out(NAMES, 100, 1)[1])


def test_nothing_is_held_out_on_request():
    assert len(hold_out(NAMES, 0, 0)[1]) == 0


@pytest.mark.parametrize("fraction", [1.0, -0.1, 0.0001, 0.9999, 2, float("nan")])
def test_an_empty_side_is_refused(fraction):
    with pytest.raises(UserError, match="data.test is .* one side would be empty".replace(".", "\\.", 1)):
        count_of(fraction, 1000, "data.test")


def test_a_share_becomes_the_nearest_count():
    assert [count_of(share, 1797, "x") for share in (0, 0.1, 0.2)] == [0, 180, 359]


def test_something_must_be_left():
    with pytest.raises(UserError, match="none left"):
        hold_out(NAMES, 1000, 0)
