import dataclasses
import itertools
import re

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

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


SPEAKERS = ["jackson", "nicolas", "theo", "yweweler"]


def uneven_groups(count=23, seed=0):
    """Groups of 1 to 40 examples, and a class for each example; most of a group are of one class."""
    random = np.random.RandomState(seed)
    of = np.repeat(np.arange(count), random.randint(1, 41, count))
    usual = random.choice(3, count, p=[0.6, 0.3, 0.1])
    classes = np.where(random.rand(len(of)) < 0.7, usual[of], random.randint(0, 3, len(of)))
    return [f"patient {i}" for i in of], classes


def parts_of(policy, keys):
    """The part of each example, over all folds."""
    part = np.full(len(keys.ids), -1)
    for fold in range(policy.folds):
        part[dataclasses.replace(policy, fold=fold).split(keys)["test"]] = fold
    assert part.min() >= 0
    return part


@pytest.mark.parametrize("seed", range(5))
def test_as_many_groups_as_folds_are_dealt_one_to_each(seed):
    groups = [SPEAKERS[i % 4] for i in range(1000)]
    for fold in range(4):
        parts = KFold(fold, 4, seed=seed).split(SplitKeys(NAMES, groups=groups))
        held = {name: {groups[i] for i in chosen} for name, chosen in parts.items()}
        assert {name: len(speakers) for name, speakers in held.items()} == {"train": 2, "validation": 1, "test": 1}
        assert set().union(*held.values()) == set(SPEAKERS)


def test_groups_are_whole_and_dealt_as_evenly_as_scikit_learn_deals_them():
    groups, _ = uneven_groups()
    part = parts_of(KFold(folds=4), SplitKeys([str(i) for i in range(len(groups))], groups=groups))
    assert all(len(set(part[np.array(groups) == group])) == 1 for group in groups)
    theirs = [len(test) for _, test in GroupKFold(4).split(groups, groups=groups)]
    assert np.ptp(np.bincount(part)) <= np.ptp(theirs)


def test_dealing_groups_does_not_depend_on_the_order_of_examples():
    groups, _ = uneven_groups()
    names = [f"scan {i}" for i in range(len(groups))]
    order = np.random.RandomState(1).permutation(len(groups))
    part = parts_of(KFold(folds=4), SplitKeys(names, groups=groups))
    shuffled = SplitKeys([names[i] for i in order], groups=[groups[i] for i in order])
    np.testing.assert_array_equal(parts_of(KFold(folds=4), shuffled), part[order])


def test_stratified_folds_hold_each_class_to_the_nearest_example():
    classes = np.repeat([0, 1, 2], [700, 290, 10])
    part = parts_of(KFold(folds=7, stratify=True), SplitKeys(NAMES, classes=classes))
    counts = np.array([np.bincount(part[classes == label], minlength=7) for label in range(3)])
    assert np.ptp(counts, axis=1).max() <= 1
    assert np.ptp(counts.sum(0)) <= 1  # the remainders of classes do not meet in one fold


def test_stratified_folds_of_groups_are_whole_and_as_even_as_scikit_learns():
    groups, classes = uneven_groups(60)
    keys = SplitKeys([str(i) for i in range(len(groups))], groups=groups, classes=classes)
    part = parts_of(KFold(folds=4, stratify=True), keys)
    assert all(len(set(part[np.array(groups) == group])) == 1 for group in groups)

    def unevenness(parts):
        counts = np.stack([np.bincount(classes[np.array(chosen)], minlength=3) for chosen in parts])
        return (counts / counts.sum(0)).std(0).mean()

    ours = unevenness([part == fold for fold in range(4)])
    plain = parts_of(KFold(folds=4), keys)
    theirs = [test for _, test in StratifiedGroupKFold(4).split(groups, classes, groups)]
    assert ours < 0.5 * unevenness([plain == fold for fold in range(4)])
    assert ours < 2 * unevenness(theirs)


@pytest.mark.parametrize(
    "policy", [HoldOut(0.2, 0.3, stratify=True), KFold(folds=3, stratify=True), KFold(), HoldOut()]
)
def test_examples_of_one_name_are_kept_together(policy):
    names = [f"text {i % 150}" for i in range(400)]
    side = sides(policy.split(SplitKeys(names, classes=np.arange(400) % 150 % 3)))
    assert all(len({side[i] for i in range(first, 400, 150)}) == 1 for first in range(150))


def test_folds_without_validation_train_on_all_others():
    parts = KFold(1, 2, validation=False).split(SplitKeys(NAMES))
    assert set(parts) == {"train", "test"}
    assert sorted([*parts["train"], *parts["test"]]) == list(range(1000))
    with pytest.raises(UserError, match="none is left to train on"):
        KFold(1, 2)


HOURS = np.datetime64("2016-07-01T00:00:00") + np.arange(17_420) * np.timedelta64(1, "h")


@pytest.mark.parametrize("policy", [
    TimeSplit(train=8640, validation=2880, test=2880),  # ETTh1: 12, 4 and 4 months of 30 days, and the rest unused
    TimeSplit(validation="2017-06-26", test="2017-10-24", end="2018-02-21"),
    TimeSplit(validation="2017-06-26T02:00+02:00", test="2017-10-24", end="2018-02-21 00:00:00"),
])  # fmt: skip
@pytest.mark.parametrize("times", [HOURS, HOURS.astype("datetime64[us]")])
def test_in_time_by_dates_and_by_numbers(policy, times):
    order = np.random.RandomState(0).permutation(len(times))
    parts = policy.split(SplitKeys([str(i) for i in order], times=times[order]))
    bounds = {"train": (0, 8640), "validation": (8640, 11520), "test": (11520, 14400)}
    assert {name: (order[chosen].min(), order[chosen].max() + 1) for name, chosen in parts.items()} == bounds
    assert {name: len(chosen) for name, chosen in parts.items()} == {"train": 8640, "validation": 2880, "test": 2880}


def test_in_time_by_numbers_no_time_is_cut():
    times = np.repeat(np.arange(10.0), 7)
    parts = TimeSplit(train=20, validation=16, test=9).split(SplitKeys([""] * 70, times=times))
    assert {name: sorted({*times[chosen]}) for name, chosen in parts.items()} == {
        "train": [0, 1, 2], "validation": [3, 4], "test": [5],
    }  # fmt: skip
    parts = TimeSplit(validation="7", test=0).split(SplitKeys([""] * 70, times=times))
    assert {name: times[chosen].min() for name, chosen in parts.items()} == {"train": 0, "validation": 7}


@pytest.mark.parametrize("policy", [TimeSplit(), TimeSplit(0, 0.1), TimeSplit(0.1, 0), TimeSplit("2021", 0.1)])
@pytest.mark.parametrize("numbers", [False, True])
def test_where_there_are_few_times_what_is_proposed_works(policy, numbers):
    years = np.repeat([2019, 2020, 2021], [30, 50, 40])
    times = years.astype(float) if numbers else np.array([f"{year}-01-01" for year in years], "datetime64[s]")
    keys = SplitKeys([""] * 120, times=times)
    with pytest.raises(UserError, match="there are 3 different times") as caught:
        policy.split(keys)
    proposed = re.findall(r"TimeSplit\(.*?\)", str(caught.value))
    assert len(proposed) == 2
    for text in proposed:
        parts = eval(text).split(keys)
        wanted = {"train", *(name for name in ("validation", "test") if getattr(policy, name) != 0)}
        assert set(parts) == wanted
        assert all(len(set(years[chosen])) == 1 for name, chosen in parts.items() if name != "train")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: KFold(0, 5).split(SplitKeys(NAMES, groups=[(name[-1] > "4" and "a") or "b" for name in NAMES])),
         r"2 groups for 5 folds, .*use KFold\(folds=2, validation=False\)"),
        (lambda: KFold(stratify=True).split(SplitKeys(NAMES)), "stratify needs classes"),
        (lambda: HoldOut(seed=3).split(SplitKeys(NAMES, groups=["ab"[i % 2] for i in range(1000)])), r"KFold\(folds="),
        (lambda: TimeSplit("yesterday"), "'yesterday', which is no time; write it as 2017-06-26"),
        (lambda: TimeSplit(1.5), "1.5; it is a fraction below 1, or a whole number"),
        (lambda: TimeSplit("2020", train=5), "use split.end"),
        (lambda: TimeSplit(end="x"), "split.end is 'x'"),
        (lambda: TimeSplit(train=999, test=9).split(SplitKeys(NAMES, times=np.arange(1000))), "asks for 1,108"),
        (lambda: TimeSplit("12").split(SplitKeys(["a"], times=HOURS[:1])), "'12', and the data has dates"),
        (lambda: TimeSplit("2020-01").split(SplitKeys(["a"], times=np.ones(1))), "times are numbers"),
        (lambda: HoldOut(column="fold").split(SplitKeys(NAMES)), "'fold', but this data has no columns"),
        (lambda: KFold(column="fold").split(SplitKeys(NAMES)), "'fold', but this data has no columns"),
        (lambda: KFold(table="folds.csv"), "names the column of it"),
    ],
)  # fmt: skip
def test_more_splits_that_cannot_be_made_are_refused(make, message):
    with pytest.raises(UserError, match=message):
        make()


@pytest.mark.parametrize(
    ("rule", "warned"),
    [
        (HoldOut(), False),
        (HoldOut(0.8, 0.1), True),  # a fraction to train on was meant
        (HoldOut(0.4, 0.4), True),
        (HoldOut(0.4, 0.2), False),
        (HoldOut(0.5, 0), False),
        (HoldOut(0, 0.9), True),
        (TimeSplit(0.8, 0.1), True),
        (TimeSplit(0.2, 0.2), False),
        (TimeSplit(0.3, 0.3, train=0.1), False),  # it says what is trained on
    ],
)
def test_a_train_split_that_is_smaller_than_what_is_held_out_is_said_once(rule, warned, said):
    said()
    keys = SplitKeys([f"n{i}" for i in range(400)], times=np.arange(400))
    parts = rule.split(keys)
    told = said()
    assert told.count("what is left is trained on") == warned
    assert not warned or f"train has {len(parts['train'])} examples, beside" in told
