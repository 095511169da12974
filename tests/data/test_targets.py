"""Several targets of one example: from a table, and from the table of labels of a folder."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

import jaxflow
from jaxflow import Category, HoldOut, ImageFolder, Table, Target
from jaxflow.errors import UserError
from jaxflow.evaluation.report.rebuild import rebuild_report
from jaxflow.exploration.explore import explore
from jaxflow.serialization import from_json, to_json
from tests.conftest import assert_same_splits

RANDOM = np.random.RandomState(0)
COLUMNS = {
    "who": [f"r{i}" for i in range(120)],
    "size": RANDOM.rand(120).round(4).tolist(),
    "price": (RANDOM.rand(120) * 100 + 1.5).round(2).tolist(),
    "area": (RANDOM.rand(120) * 7).round(3).tolist(),
    "sunny": [bool(i % 2) for i in range(120)],
    "windy": [("no", "Yes")[i % 3 == 0] for i in range(120)],
    "late": [int(i % 5 == 0) for i in range(120)],
    "kind": ["xyz"[i % 3] for i in range(120)],
    "stars": [i % 4 + 1 for i in range(120)],
}


@pytest.fixture(params=["csv", "parquet"])
def path(request, tmp_path):
    file = tmp_path / f"a.{request.param}"
    if request.param == "parquet":
        pyarrow.parquet.write_table(pyarrow.table(COLUMNS), file)
    else:
        lines = [",".join(map(str, row)) for row in zip(*COLUMNS.values())]
        file.write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
    return str(file)


def targets_by_name(dataset):
    return {split.id(i): split.targets[i] for split in dataset.splits.values() for i in range(len(split))}


@pytest.mark.parametrize("in_memory", [True, False])
def test_several_numbers(path, in_memory):
    dataset = Table(path, target=("price", "area"), id="who", in_memory=in_memory).load()
    assert dataset.schema.target == Target("number", ("price", "area"))
    found = targets_by_name(dataset)
    for i, who in enumerate(COLUMNS["who"]):
        np.testing.assert_array_equal(found[who], [COLUMNS["price"][i], COLUMNS["area"][i]])
    assert not {"price", "area"} & {encoder.name for encoder in dataset.input_encoding.columns}


def test_several_labels(path):
    dataset = Table(path, target=("late", "sunny", "windy"), id="who").load()
    assert dataset.schema.target == Target("labels", ("late", "sunny", "windy"))
    found = targets_by_name(dataset)
    expected = [[i % 5 == 0, i % 2, i % 3 == 0] for i in range(120)]
    np.testing.assert_array_equal([found[who] for who in COLUMNS["who"]], expected)
    assert dataset.splits["train"].targets.dtype == dataset.schema.target.dtype == "int32"
    assert dataset.schema.target.shape == (3,)


def test_several_classes(path):
    dataset = Table(path, target=("kind", "stars", "late"), id="who").load()
    target = Target(
        "classes", ("kind", "stars", "late"), class_names=(("x", "y", "z"), ("1", "2", "3", "4"), ("0", "1"))
    )
    assert dataset.schema.target == target
    found = targets_by_name(dataset)
    np.testing.assert_array_equal(
        [found[who] for who in COLUMNS["who"]], [[i % 3, i % 4, i % 5 == 0] for i in range(120)]
    )
    assert from_json(to_json(dataset.schema)) == dataset.schema


def test_the_task_says_what_targets_are(path):
    as_classes = Table(path, target=("late", "sunny"), id="who", task="class").load().schema.target
    assert as_classes.kind == "classes"
    assert Table(path, target=("late", "stars"), id="who", task="number").load().schema.target.kind == "number"
    assert Table(path, target=("late",), id="who", task="label").load().schema.target == Target("labels", ("late",))


def test_rows_that_lack_one_of_the_targets_are_left_out_and_counted(tmp_path):
    lines = [f"{i},{i % 7},{'' if i % 10 == 0 else i * 1.5},{'' if i % 20 == 5 else i / 4}" for i in range(100)]
    (tmp_path / "a.csv").write_text("\n".join(["who,x,price,area", *lines]))
    dataset = Table(str(tmp_path / "a.csv"), target=("price", "area"), id="who").load()
    assert dataset.excluded == {"no price": 10, "no area": 5}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"target": ("late", "price")}, "of the targets price hold numbers, and late classes; .*task='number'"),
        ({"target": ("late", "kind"), "task": "label"}, "target kind holds x, y, z; a label holds 0 and 1"),
        ({"target": ("late", "late")}, "name one column, or several, each once"),
        ({"target": ()}, "name one column, or several, each once"),
        ({"target": "late", "task": "label"}, r"write target=\('late',\)"),
        ({"target": ("late", "lat")}, "data.target names 'lat', but"),
        ({"target": ("late", "sunny"), "category": Category(encode="target")}, "encodes by one target"),
        ({"target": ("late", "sunny"), "columns": (Category("sunny"),)}, "data.columns names sunny, the target"),
        ({"target": ("late", "sunny"), "split": HoldOut(stratify=True)}, "stratify needs classes"),
    ],
)
def test_targets_that_do_not_go_together_are_refused(path, fields, message):
    with pytest.raises(UserError, match=message):
        Table(path, id="who", **fields).load()


def test_a_label_that_no_training_row_has_is_refused(tmp_path):
    lines = [f"{i},{i % 7},{int(i == 50)},{i % 2},{'test' if i == 50 else 'train'}" for i in range(100)]
    (tmp_path / "a.csv").write_text("\n".join(["who,x,rare,usual,use", *lines]))
    source = Table(str(tmp_path / "a.csv"), target=("rare", "usual"), id="who", split="use")
    with pytest.raises(UserError, match=r"class 'yes' of rare of .* has 1 rows and none in the train split"):
        source.load()


@pytest.fixture
def images(tmp_path):
    folder, lines = tmp_path / "images", ["path,label,age,cat,dog"]
    folder.mkdir()
    for i in range(60):
        Image.fromarray(np.full((4, 4, 3), i, np.uint8)).save(folder / f"{i}.png")
        lines.append(f"{i}.png,{'abc'[i % 3]},{i / 4},{i % 2},{int(i % 5 == 0)}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return ImageFolder(str(folder), labels="labels.csv", size=(4, 4))


def test_a_table_of_labels_has_numbers_labels_and_classes(images, said):
    def load(target, task):
        dataset = dataclasses.replace(images, target=target, task=task).load()
        found = targets_by_name(dataset)
        return dataset.schema.target, np.array([found[f"{i}.png"] for i in range(60)])

    i = np.arange(60)
    target, values = load("age", "number")
    assert target == Target("number", ("age",))
    np.testing.assert_array_equal(values, i[:, None].astype(np.float32) / 4)
    target, values = load(("cat", "dog"), "label")
    assert target == Target("labels", ("cat", "dog"))
    np.testing.assert_array_equal(values, np.stack([i % 2, i % 5 == 0], 1))
    assert "60 images with cat 30, dog 12" in said()
    target, values = load(("label", "dog"), "class")
    assert target == Target("classes", ("label", "dog"), class_names=(("a", "b", "c"), ("0", "1")))
    np.testing.assert_array_equal(values, np.stack([i % 3, i % 5 == 0], 1))
    target, values = load(("age", "cat"), "number")
    np.testing.assert_array_equal(values, np.stack([i / 4, i % 2], 1).astype(np.float32))


def test_numbers_of_labels_may_have_decimal_commas(images, said):
    table = Path(images.path) / "labels.csv"
    plain = dataclasses.replace(images, target="age", task="number").load()
    text = table.read_text()
    table.write_text(text.replace(",", ";").replace(".", ",").replace(",png", ".png"))
    commas = dataclasses.replace(images, target="age", task="number").load()
    assert_same_splits(plain, commas)
    assert "is read as" in said()
    table.write_text("path,age\n" + "".join(f'{i}.png,"1,{100 + i}"\n' for i in range(60)))
    with pytest.raises(UserError, match=r"holds '1,100' and the like, which may be 1\.1 or 1100; write decimal points"):
        dataclasses.replace(images, target="age", task="number").load()
    table.write_text("path,age\n" + "".join(f"{i}.png,1,{i}\n" for i in range(60)))  # of which 1 was taken
    with pytest.raises(UserError, match=r"line 2: there are 3 cells in 2 columns; put quotes around"):
        dataclasses.replace(images, target="age", task="number").load()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"target": "ages"}, r"there is no column 'ages' \(data\.target\)"),
        ({"target": "label", "task": "number"}, r"column \w+ holds 'a' in line \d+"),
        ({"target": ("cat", "label"), "task": "label"}, "target label holds a, b, c; a label holds 0 and 1"),
        ({"target": "age", "labels": None}, "are of a table of labels; name it: data.labels"),
    ],
)
def test_labels_that_are_something_else_are_refused(images, fields, message):
    with pytest.raises(UserError, match=message):
        dataclasses.replace(images, **fields).load()


@dataclasses.dataclass(frozen=True)
class Held:
    """A dataset that is there already."""

    dataset: jaxflow.Dataset

    def load(self):
        return self.dataset


@pytest.mark.parametrize(("kind", "names"), [("labels", ()), ("classes", (("a", "b"), ("c", "d", "e")))])
def test_indices_outside_the_classes_of_several_are_refused(kind, names):
    target = Target(kind, ("one", "other"), class_names=names)
    schema = jaxflow.Schema(jaxflow.Feature("vector", (2,), "float32"), target)

    def dataset(last):
        targets = np.array([[0, 1], [1, -1], [0, last]], np.int32)
        split = jaxflow.ArraySplit(np.zeros((3, 2), np.float32), targets, ["p", "q", "r"])
        return jaxflow.Dataset({"train": split}, schema)

    largest = 2 if names else 1
    assert jaxflow.validate(dataset(largest))
    with pytest.raises(UserError, match=rf"train example r has label {largest + 1} for other, outside 0..{largest} "):
        jaxflow.validate(dataset(largest + 1))


def experiment(data, problem):
    model, optimizer = jaxflow.MLP((4,)), jaxflow.Adam()
    return jaxflow.Experiment(data=data, model=model, problem=problem, optimizer=optimizer, epochs=1)


@pytest.mark.parametrize("target", [("late", "sunny", "windy"), ("kind", "stars")])
@pytest.mark.parametrize("path", ["csv"], indirect=True)
def test_several_targets_are_explored(path, tmp_path, target):
    data = Table(path, target=target, id="who")
    described = explore(experiment(data, jaxflow.Classification()), tmp_path / "run")
    train, dataset = described["splits"]["train"], data.load()
    for column, (name, classes) in enumerate(dataset.schema.target.choices.items()):
        counts = np.bincount(dataset.splits["train"].targets[:, column])
        assert list(train["targets"][name].values()) == counts.tolist()
        assert tuple(train["targets"][name]) == classes
    assert (tmp_path / "run" / "report" / "data_targets.svg").exists()


@pytest.mark.parametrize("path", ["csv"], indirect=True)
def test_problems_of_one_target_refuse_several(path, tmp_path):
    data = Table(path, target=("late", "sunny"), id="who")
    with pytest.raises(UserError, match=r"several labels at once \(late, sunny\); use problem=MultiLabel"):
        jaxflow.train(experiment(data, jaxflow.Classification()), tmp_path / "run")
    with pytest.raises(UserError, match=r"\(late, sunny\); say data.task='number' .*MultiLabel"):
        jaxflow.train(experiment(data, jaxflow.Regression()), tmp_path / "run")


@dataclasses.dataclass(frozen=True)
class Labels(jaxflow.Regression):
    """A problem of one's own: each label by itself."""

    metrics: tuple = ()

    def fit(self, targets):
        return self

    def num_outputs(self, schema):
        return len(schema.target.names)

    def losses(self, outputs, targets):
        signs = 2.0 * targets - 1
        return jax.nn.softplus(-signs * outputs)

    def distribution(self, outputs):
        return jax.nn.sigmoid(outputs)

    def answer(self, distribution):
        return (distribution > 0.5).astype(int)

    def running_metrics(self, outputs, targets, losses, weights):
        return {"loss": jaxflow.Mean.of(losses, weights)}

    def baseline(self, train_targets, targets):
        return {}

    def prediction_table(self, schema, predictions, targets=None):
        known = {} if targets is None else {f"target_{n}": targets[:, i] for i, n in enumerate(schema.target.names)}
        return known | {f"p_{name}": predictions[:, i] for i, name in enumerate(schema.target.names)}


def test_a_problem_of_ones_own_learns_several_labels(tmp_path):
    random = np.random.RandomState(0)
    points = random.randn(200, 2)
    lines = [f"{x:.4f},{y:.4f},{int(x > 0)},{int(y > 0)}" for x, y in points]
    (tmp_path / "a.csv").write_text("\n".join(["x,y,right,up", *lines]))
    data = Table(str(tmp_path / "a.csv"), target=("right", "up"))
    run = dataclasses.replace(experiment(data, Labels()), optimizer=jaxflow.Adam(learning_rate=0.05), epochs=5)
    jaxflow.train(run, tmp_path / "run")
    assert jaxflow.evaluate(tmp_path / "run", experiment=run)["test"]["loss"] < 0.3
    test = pyarrow.parquet.read_table(tmp_path / "run" / "predictions" / "test.parquet").to_pydict()
    expected = data.load().splits["test"].targets
    np.testing.assert_array_equal(np.stack([test["target_right"], test["target_up"]], 1), expected)
    answers = np.stack([test["prediction_0"], test["prediction_1"]], 1) > 0.5
    assert (answers == expected).mean() > 0.8
    np.testing.assert_array_equal(np.stack([test["answer_right"], test["answer_up"]], 1), answers)
    page = tmp_path / "run" / "report" / "index.html"
    before = page.read_text()
    page.unlink()
    rebuild_report(tmp_path / "run", experiment=run)
    assert "How often each target is right" in before
    assert page.read_text() == before
    with pytest.raises(UserError, match="has several classes or labels"):
        jaxflow.train(dataclasses.replace(run, sampling="balanced"), tmp_path / "other")
