import dataclasses

import numpy as np
import pytest

import jaxflow
from jaxflow.data.dataset import ArraySplit, Dataset
from jaxflow.data.profiling.describe import describe
from jaxflow.data.profiling.findings import find_issues
from jaxflow.data.profiling.plan import Plan
from jaxflow.data.profiling.sample import take_sample
from jaxflow.exploration.explore import plan_of
from jaxflow.schema import Feature, Schema, Target
from tests.conftest import toy_images
from tests.data.profiling.test_duplicates import compressed, scenes


def found(splits, classes=None, plan=None):
    dataset = jaxflow.from_arrays(splits, classes)
    samples = {name: take_sample(split) for name, split in dataset.splits.items()}
    return find_issues(dataset, samples, *([] if plan is None else [plan]))


def clean(size, seed):
    images = scenes(size, seed)
    return images, np.arange(size) % 2


def test_of_clean_data_nothing_grave_is_said():
    findings = found({"train": clean(60, 0), "test": clean(20, 1)})
    assert [finding.message for finding in findings if finding.severity != "note"] == []


@pytest.mark.parametrize(
    ("damage", "weight", "what", "ids"),
    [
        ("leak", "leak", "1 inputs are in more than one split", "train_5 = test_2"),
        ("double", "problem", "the inputs of 1 examples equal another one's", "train_5 = train_7"),
        ("torn", "problem", "1 inputs are there with different targets", "train_5 = train_8"),
        ("near", "problem", "1 images look like one of another split", "train_5 = test_2"),
        ("blank", "problem", "1 images show nothing", "test_2"),
        ("imbalance", "problem", "class 1 has 56 training examples, class 0 4", None),
        ("absent", "problem", "the test split has no example of 1", None),
    ],
)
def test_what_is_wrong_is_found_and_named(damage, weight, what, ids):
    (images, labels), (test, test_labels) = clean(60, 0), clean(20, 1)
    if damage == "leak":
        test[2] = images[5]
    if damage == "double":
        images[7] = images[5]
    if damage == "torn":
        images[8] = images[5]
    if damage == "near":
        test[2] = compressed(images[5], 75)
    if damage == "blank":
        test[2] = 90
    if damage == "imbalance":
        labels = (np.arange(60) > 3).astype(int)
    if damage == "absent":
        test_labels = test_labels * 0
    finding = next(f for f in found({"train": (images, labels), "test": (test, test_labels)}) if f.message == what)
    assert finding.severity == weight
    assert finding.advice
    assert ids is None or ids in finding.ids


def test_a_feature_that_tells_the_target_is_a_leak_and_twins_are_named():
    random = np.random.RandomState(0)
    labels = random.randint(0, 2, 400)
    inputs = random.normal(size=(400, 4))
    inputs[:, 1] = labels + random.normal(size=400) * 0.05
    inputs[:, 3] = inputs[:, 2] * 2 + random.normal(size=400) * 0.01
    inputs[7, 0] = 1000
    findings = {finding.message.partition(" (")[0]: finding.severity for finding in found({"train": (inputs, labels)})}
    assert findings["feature 1 all but tells the target"] == "leak"
    assert findings["feature 2 and feature 3 say the same"] == "note"
    assert findings["1 values of feature 0 lie more than ten quartile ranges from its median"] == "note"


def test_wrong_labels_are_suspects():
    images, labels = toy_images(300, side=9)
    flipped = [3, 50, 120]
    wrong = labels.copy()
    wrong[flipped] = (labels[flipped] + 1) % 3
    suspects = next(f for f in found({"train": (images, wrong)}) if "surprise" in f.message)
    named = {int(text.partition(":")[0].removeprefix("train_")) for text in suspects.ids}
    assert set(flipped) <= named
    assert len(named) <= 6


def test_numbers_are_numpys():
    random = np.random.RandomState(0)
    inputs, labels = random.normal(size=(30_000, 2)).astype(np.float32), random.randint(0, 3, 30_000)
    dataset = jaxflow.from_arrays({"train": (inputs, labels)})
    samples = {"train": take_sample(dataset.splits["train"])}
    numbers = describe(dataset, samples)
    assert numbers["splits"]["train"] == {
        "examples": 30_000,
        "classes": {str(i): int((labels == i).sum()) for i in range(3)},
    }
    assert numbers["sampled"] == {"train": 10_000}
    chosen = samples["train"].indices
    assert len(set(chosen.tolist())) == 10_000
    assert numbers["features"][1]["std"] == pytest.approx(inputs[chosen, 1].std(), rel=1e-5)


def test_one_pair_of_images_is_one_pair():
    images, labels = clean(12, 0)
    images[1] = compressed(images[0], 80)
    near = next(f for f in found({"train": (images, labels)}) if "look like another one" in f.message)
    assert near.message == "2 images look like another one of their split (1 pair)"


def test_images_are_counted_and_not_their_pairs():
    images, labels = clean(12, 0)
    images[:5] = [compressed(images[0], quality) for quality in (60, 70, 80, 90, 95)]  # ten pairs of five images
    near = next(f for f in found({"train": (images, labels)}) if "look like another one" in f.message)
    assert near.message == "5 images look like another one of their split (10 pairs)"
    test, test_labels = clean(6, 1)
    test[2] = images[0]
    crossing = next(
        f for f in found({"train": (images, labels), "test": (test, test_labels)}) if "of another split" in f.message
    )
    assert crossing.message == "1 images look like one of another split (4 pairs)"  # the fifth is equal


@pytest.mark.parametrize(
    ("plan", "advice"),
    [
        (Plan(), "split by scene"),
        (Plan(settings=(("group", None),)), "split by scene: data.group names it"),
        (Plan(settings=(("group", "_(.)_"),)), "let data.group find the scene"),
        (Plan(settings=(("group", None),), written_in="the folders of d"), "move all of one scene into one split of"),
    ],
)
def test_similar_images_are_split_as_the_data_can_be(plan, advice):
    (images, labels), (test, test_labels) = clean(60, 0), clean(20, 1)
    test[2] = compressed(images[5], 75)
    issues = found({"train": (images, labels), "test": (test, test_labels)}, plan=plan)
    assert advice in next(f for f in issues if "look like one of another" in f.message).advice


def test_what_is_done_already_is_not_advised(experiment):
    (images, _), (test, _) = clean(60, 0), clean(20, 1)
    rare = {"train": (images, (np.arange(60) > 3).astype(int)), "test": (test, np.zeros(20, int))}

    def issue(text, plan):
        return next(f for f in found(rare, plan=plan) if text in f.message)

    assert 'class_weights="balanced"' in issue("training examples", Plan()).advice
    assert issue("training examples", Plan()).severity == "problem"
    assert "class_weights" not in issue("training examples", Plan(weighs_classes=True)).advice
    assert issue("training examples", Plan(weighs_classes=True)).severity == "note"
    hold_out = Plan(settings=(("split", jaxflow.HoldOut()),))
    assert "split=HoldOut(stratify=True)" in issue("no example of", hold_out).advice
    stratified = Plan(settings=(("split", jaxflow.HoldOut(stratify=True)),))
    folders = Plan(settings=hold_out.settings, written_in="the folders of d")
    for plan in (stratified, folders, Plan()):
        assert "stratify" not in issue("no example of", plan).advice
    assert "the splits are those of the folders of d" in issue("no example of", folders).advice
    dataset = jaxflow.from_arrays(rare)
    assert not plan_of(experiment, dataset).weighs_classes
    assert plan_of(dataclasses.replace(experiment, sampling="balanced"), dataset).weighs_classes
    weighted = jaxflow.Classification(loss=jaxflow.losses.CrossEntropy(class_weights="balanced"))
    assert plan_of(dataclasses.replace(experiment, problem=weighted), dataset).weighs_classes


def test_equal_files_are_left_out_by_the_setting_that_does_it():
    assert "drop_duplicates=True" in Plan(settings=(("drop_duplicates", False),)).leave_out_equal()
    assert "duplicates=drop" in Plan(settings=(("duplicates", "keep"),)).leave_out_equal()
    for plan in (Plan(), Plan(settings=(("drop_duplicates", True),)), Plan(settings=(("duplicates", "drop"),))):
        assert plan.leave_out_equal() == "leave them out"


def test_units_of_volumes_are_compared_unless_each_is_standardised():
    volumes = np.random.RandomState(0).rand(6, 3, 3, 3, 1).astype(np.float32) * 10.0 ** np.arange(6).reshape(
        -1, 1, 1, 1, 1
    )
    feature = Feature("volume", (3, 3, 3, 1), "float32")
    split = ArraySplit(volumes.astype(np.float32), np.arange(6, dtype=np.int32) % 2, list("abcdef"))
    dataset = Dataset({"train": split}, Schema(feature, Target("class", ("a", "b"))))
    samples = {"train": take_sample(split)}
    assert any("differ in their units" in f.advice for f in find_issues(dataset, samples))
    plan = Plan(preprocess=("StandardizePerExample",))
    assert not any("differ in their units" in f.advice for f in find_issues(dataset, samples, plan))
