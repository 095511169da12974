import itertools

import numpy as np
import pytest

from jaxflow.data.splitting.folds import KFold
from jaxflow.data.splitting.hashing import split_by_hash, split_size
from jaxflow.data.splitting.hold_out import HoldOut
from jaxflow.data.splitting.keys import SplitKeys
from jaxflow.data.splitting.time_split import TimeSplit
from jaxflow.errors import UserError

NAMES = [f"file_{i}" for i in range(1000)]


def test_both_sides_together_are_everything():
    kept, held = split_by_hash(NAMES, 100, seed=0)
    assert len(held) == 100
    assert sorted([*kept, *held]) == list(range(1000))


def test_the_same_ids_are_held_out_in_whatever_order_they_come():
    shuffled = list(np.random.RandomState(0).permutation(NAMES))
    held = {NAMES[i] for i in split_by_hash(NAMES, 200, 5)[1]}
    assert held == {shuffled[i] for i in split_by_hash(shuffled, 200, 5)[1]}


def test_added_examples_move_few_old_ones():
    before = {NAMES[i] for i in split_by_hash(NAMES, 100, 0)[1]}
    grown = NAMES + [f"new_{i}" for i in range(1000)]
    after = {grown[i] for i in split_by_hash(grown, 200, 0)[1]}
    assert len(before - after) < 30  # a permutation would move about 90


def test_another_seed_holds_out_others():
    assert set(split_by_hash(NAMES, 100, 0)[1]) != set(split_by_hash(NAMES, 100, 1)[1])


def test_nothing_is_held_out_on_request():
    assert len(split_by_hash(NAMES, 0, 0)[1]) == 0


@pytest.mark.parametrize("fraction", [1.0, -0.1, 0.0001, 0.9999, 2, float("nan")])
def test_an_empty_side_is_refused(fraction):
    with pytest.raises(UserError, match="data.test is .* one side would be empty".replace(".", "\\.", 1)):
        split_size(fraction, 1000, "data.test")


def test_a_share_becomes_the_nearest_count():
    assert [split_size(share, 1797, "x") for share in (0, 0.1, 0.2)] == [0, 180, 359]


def test_something_must_be_left():
    with pytest.raises(UserError, match="none left"):
        split_by_hash(NAMES, 1000, 0)


def sides(assigned):
    return {index: name for name, chosen in assigned.items() for index in chosen.tolist()}


@pytest.mark.parametrize("policy", [HoldOut(), HoldOut(0.2, 0.3, seed=4), KFold(2), HoldOut(validation=0)])
def test_added_examples_move_no_old_one(policy):
    before = sides(policy.split(SplitKeys(NAMES)))
    grown = [f"new_{i}" for i in range(500)] + NAMES
    after = sides(policy.split(SplitKeys(grown)))
    assert [after[i + 500] for i in range(1000)] == [before[i] for i in range(1000)]


def test_shares_are_met_as_chance_allows():
    assigned = HoldOut(0.1, 0.2).split(SplitKeys([str(i) for i in range(20_000)]))
    assert sorted(np.concatenate(list(assigned.values()))) == list(range(20_000))
    for name, share in (("validation", 0.1), ("test", 0.2)):
        spread = (share * (1 - share) / 20_000) ** 0.5
        assert abs(len(assigned[name]) / 20_000 - share) < 4 * spread


def test_stratified_shares_are_exact_in_every_class():
    classes = np.repeat([0, 1, 2], [700, 290, 10])
    assigned = HoldOut(0.1, 0.2, stratify=True).split(SplitKeys(NAMES, classes=classes))
    counts = {name: np.bincount(classes[chosen], minlength=3).tolist() for name, chosen in assigned.items()}
    assert counts == {"train": [490, 203, 7], "validation": [70, 29, 1], "test": [140, 58, 2]}


def test_a_group_stays_on_one_side():
    groups = [f"group_{i % 60}" for i in range(1000)]
    side = sides(HoldOut(0.2, 0.2).split(SplitKeys(NAMES, groups=groups)))
    assert all(len({side[i] for i in range(first, 1000, 60)}) == 1 for first in range(60))


def test_in_time_the_test_comes_last_and_no_time_is_cut():
    times = np.random.RandomState(0).randint(0, 50, 1000)  # twenty examples a day
    assigned = TimeSplit(0.1, 0.2).split(SplitKeys(NAMES, times=times))
    ranges = [(times[assigned[name]].min(), times[assigned[name]].max()) for name in ("train", "validation", "test")]
    assert all(earlier[1] < later[0] for earlier, later in itertools.pairwise(ranges))
    assert 0.17 < len(assigned["test"]) / 1000 <= 0.2
    exact = TimeSplit(0.1, 0.2).split(SplitKeys(NAMES, times=np.arange(1000)[::-1]))
    assert {name: len(chosen) for name, chosen in exact.items()} == {"train": 700, "validation": 100, "test": 200}


def test_over_all_folds_each_example_is_tested_once():
    tested = [KFold(fold, 4).split(SplitKeys(NAMES))["test"] for fold in range(4)]
    assert sorted(np.concatenate(tested)) == list(range(1000))
    parts = KFold(3, 4).split(SplitKeys(NAMES))
    assert set(parts["validation"]) == set(tested[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: HoldOut(test=1.0), r"HoldOut.test is 1.0; it must be in \[0, 1\)"),
        (lambda: TimeSplit(0.6, 0.4), "split.validation and split.test are 1; nothing is left"),
        (lambda: KFold(5, 5), "fold 5 of 5"),
        (lambda: HoldOut().split(SplitKeys(["a", "b"])), "of 2 examples none would be in the"),
        (lambda: TimeSplit().split(SplitKeys(NAMES)), "needs times"),
        (lambda: HoldOut(stratify=True).split(SplitKeys(NAMES)), "the target is a number"),
        (lambda: HoldOut(stratify=True).split(SplitKeys(NAMES, groups=NAMES)), "do not go together"),
    ],
)
def test_splits_that_cannot_be_made_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()


def test_groups_cannot_be_split_in_time():
    examples = SplitKeys(list("abcd"), groups=list("xxyy"), times=np.arange(4))
    with pytest.raises(UserError, match="split TimeSplit and groups do not go together"):
        TimeSplit(0.25, 0.25).split(examples)
