import contextlib
import csv
import dataclasses
import io
import itertools
import shutil
from functools import partial

import nibabel
import numpy as np
import pytest
from PIL import Image

import jaxflow
from jaxflow.data import inference_inputs
from jaxflow.data.folders.pairs import is_mask
from jaxflow.data.inference_inputs import read_inputs
from jaxflow.data.texts.encode import TextEncoding, encode_texts
from jaxflow.deployment.masks import masks_written
from jaxflow.deployment.predict import predict_with
from jaxflow.deployment.predictor import Predictor
from jaxflow.deployment.sentence import sentence
from jaxflow.problems.tables import class_table, mask_table, tag_table
from jaxflow.schema import Feature, Schema, Target
from tests.conftest import joined, toy_images


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    toy = jaxflow.from_arrays({"train": toy_images(48), "test": toy_images(8, 1)})
    experiment = jaxflow.Experiment(
        data=jaxflow.Digits(),
        preprocess=(jaxflow.Scale(),),
        model=jaxflow.MLP(hidden=(16,)),
        problem=jaxflow.Classification(),
        optimizer=jaxflow.Adam(1e-2),
        batch_size=16,
        epochs=3,
    )
    jaxflow.train(experiment, folder, dataset=toy)
    jaxflow.evaluate(folder, dataset=toy)
    return folder, toy


SMALL = Feature("image", (2, 2, 3), "uint8")


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_predictions_are_those_of_the_evaluation(trained, tmp_path):
    folder, toy = trained
    np.save(tmp_path / "new.npy", toy.splits["test"].inputs)
    rows = read(jaxflow.predict(folder, tmp_path / "new.npy", tmp_path / "out" / "new.csv"))
    expected = read(folder / "predictions" / "test.csv")
    assert [row["prediction"] for row in rows] == [row["prediction"] for row in expected]
    for row in rows:
        assert sum(float(row[f"p_{name}"]) for name in "012") == pytest.approx(1, abs=1e-5)


def test_images_and_arrays_give_the_same(trained, tmp_path):
    folder, toy = trained
    (tmp_path / "images").mkdir()
    for index, image in enumerate(toy.splits["test"].inputs):
        Image.fromarray(image[..., 0]).save(tmp_path / "images" / f"é {index}.png")
    np.savez(tmp_path / "new.npz", inputs=toy.splits["test"].inputs, other=1)
    from_images = read(jaxflow.predict(folder, tmp_path / "images"))
    from_arrays = read(jaxflow.predict(folder, tmp_path / "new.npz"))
    assert from_images[0]["id"] == "é 0.png"
    assert [row["probability"] for row in from_images] == [row["probability"] for row in from_arrays]
    one = read(jaxflow.predict(folder, tmp_path / "images" / "é 3.png"))
    assert one[0]["probability"] == from_arrays[3]["probability"]


@pytest.mark.parametrize("rows", [1, 3])
def test_a_large_source_is_read_in_blocks_and_gives_the_same(rows, trained, tmp_path, monkeypatch):
    folder, toy = trained
    np.save(tmp_path / "new.npy", toy.splits["test"].inputs)
    (tmp_path / "images").mkdir()
    for index, image in enumerate(toy.splits["test"].inputs):
        Image.fromarray(image[..., 0]).save(tmp_path / "images" / f"{index}.png")
    for source in ("new.npy", "images"):
        whole = read(jaxflow.predict(folder, tmp_path / source, tmp_path / "whole.csv"))
        with monkeypatch.context() as patch:
            patch.setattr(inference_inputs, "BLOCK_BYTES", rows * 36)
            blocks = list(read_inputs(tmp_path / source, toy.schema.inputs))
            assert [len(inputs) for inputs, _ in blocks] == [rows] * (8 // rows) + [8 % rows] * (8 % rows > 0)
            parts = read(jaxflow.predict(folder, tmp_path / source, tmp_path / "parts.csv"))
        assert [row["id"] for row in parts] == [row["id"] for row in whole]
        for one, other in zip(parts, whole):
            assert [float(one[f"p_{name}"]) for name in "012"] == pytest.approx(
                [float(other[f"p_{name}"]) for name in "012"], abs=2e-6
            )


def test_masks_take_their_names_when_all_are_written(tmp_path):
    masks = np.arange(12, dtype=np.int8).reshape(3, 2, 2)
    blocks = [(["a.jpg", "b/c.jpg"], masks[:2]), (["d.png"], masks[2:])]
    with masks_written(tmp_path / "out", iter(blocks), SMALL) as passed:
        assert [ids for ids, _ in passed] == [ids for ids, _ in blocks]
        assert not (tmp_path / "out").exists()
    for name, mask in zip(("a", "b/c", "d"), masks):
        np.testing.assert_array_equal(Image.open(tmp_path / "out" / f"{name}.png"), mask)
    with masks_written(tmp_path / "same", iter([(["a.jpg"], masks[:1]), (["a.png"], masks[1:2])]), SMALL) as passed:
        list(passed)
    assert {path.name for path in (tmp_path / "same").iterdir()} == {"a.jpg.png", "a.png.png"}
    wrong = itertools.chain(blocks, (1 / 0 for _ in range(1)))
    with pytest.raises(ZeroDivisionError), masks_written(tmp_path / "none", wrong, SMALL) as passed:
        list(passed)
    assert {path.name for path in tmp_path.iterdir()} == {"out", "same"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.npy", None, "does not exist"),
        ("broken.npy", b"not an array", "cannot be read as a NumPy array"),
        ("broken.png", b"not an image", r"broken\.png cannot be read as an image: it holds no image of a known format"),
        ("empty.png", b"", r"empty\.png cannot be read as an image: it is empty"),
        ("a.csv", b"path\na.png\n", r"a\.csv cannot be read .*; --input takes one of the images, or a folder of them"),
        ("shape.npy", np.zeros((2, 5, 5, 1), np.uint8), r"the model takes \(examples, 6, 6, 1\)"),
        ("dtype.npy", np.zeros((2, 6, 6, 1), np.float32), "holds float32; the model was trained on uint8"),
        ("empty.npy", np.zeros((0, 6, 6, 1), np.uint8), "has shape"),
    ],
)
def test_input_that_the_model_does_not_take(name, content, message, trained, tmp_path):
    if isinstance(content, bytes):
        (tmp_path / name).write_bytes(content)
    elif content is not None:
        np.save(tmp_path / name, content)
    with pytest.raises(jaxflow.UserError, match=message):
        jaxflow.predict(trained[0], tmp_path / name, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_images_of_another_size_and_empty_folders(trained, tmp_path):
    Image.new("L", (9, 6)).save(tmp_path / "wide.png")
    with pytest.raises(jaxflow.UserError, match="9x6 pixels; the model takes 6x6"):
        jaxflow.predict(trained[0], tmp_path / "wide.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(jaxflow.UserError, match="holds no images"):
        jaxflow.predict(trained[0], tmp_path / "empty")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A model of photographs of any size, bright or dark ones, and their folder."""
    root, folder = tmp_path_factory.mktemp("photographs"), tmp_path_factory.mktemp("run")
    generator = np.random.RandomState(0)
    for label, level in (("bright", 120), ("dark", 0)):
        (root / label).mkdir()
        for number in range(1, 13):
            pixels = level + generator.randint(0, 120, (*generator.randint(6, 40, 2), 3))
            Image.fromarray(pixels.astype(np.uint8)).save(root / label / f"{number}.png")
    experiment = jaxflow.Experiment(
        data=jaxflow.ImageFolder(str(root), size=(6, 8), split=jaxflow.HoldOut(0.0, 0.25, stratify=True)),
        preprocess=(jaxflow.Scale(-1.0, 1.0),),
        model=jaxflow.MLP(hidden=()),
        problem=jaxflow.Classification(),
        optimizer=jaxflow.Adam(1e-2),
        batch_size=8,
        epochs=20,
    )
    with pytest.MonkeyPatch.context() as patch:  # the fixtures of single tests come later
        patch.setenv("JAXFLOW_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        jaxflow.train(experiment, folder)
        jaxflow.evaluate(folder)
    return folder, root


def test_files_of_any_size_are_resized_as_in_training(photographs, tmp_path):
    folder, root = photographs
    rows = {row["id"]: row for row in read(jaxflow.predict(folder, root, tmp_path / "new.csv"))}
    assert len(rows) == 24
    expected = read(folder / "predictions" / "test.csv")
    assert len(expected) == 6
    for row in expected:
        assert rows[row["id"]]["prediction"] == row["prediction"]
        assert float(rows[row["id"]]["probability"]) == pytest.approx(float(row["probability"]), abs=2e-6)
    assert all(row["prediction"] == id_.partition("/")[0] for id_, row in rows.items())


@pytest.mark.parametrize("resize", ["crop", "stretch"])
def test_what_is_predicted_has_the_pixels_that_are_trained_on(resize, photographs):
    root = photographs[1]
    data = jaxflow.ImageFolder(str(root), size=(7, 5), channels=1, resize=resize, split=jaxflow.HoldOut(0.0, 0.0))
    dataset = data.load()
    inputs, ids = joined(read_inputs(root, dataset.schema.inputs))
    np.testing.assert_array_equal(inputs, dataset.splits["train"].inputs)
    assert list(ids) == list(dataset.splits["train"].ids)


def test_a_submission_holds_id_and_the_probability_of_a_class(photographs, tmp_path):
    folder, root = photographs
    shutil.copytree(root / "dark", tmp_path / "test1")
    shutil.copy(root / "bright" / "1.png", tmp_path / "test1" / "100.png")
    rows = read(jaxflow.predict(folder, tmp_path / "test1", tmp_path / "submission.csv", submission="bright"))
    assert (tmp_path / "submission.csv").read_text().startswith("id,label\n1,")
    assert [row["id"] for row in rows] == [*map(str, range(1, 13)), "100"]
    assert [float(row["label"]) > 0.5 for row in rows] == [False] * 12 + [True]
    full = {row["id"]: row for row in read(jaxflow.predict(folder, tmp_path / "test1"))}
    assert all(
        float(row["label"]) == pytest.approx(float(full[f"{row['id']}.png"]["p_bright"]), abs=1e-6) for row in rows
    )
    shutil.copy(root / "bright" / "1.png", tmp_path / "test1" / "b.png")
    rows = read(jaxflow.predict(folder, tmp_path / "test1", tmp_path / "submission.csv", submission="bright"))
    assert [row["id"] for row in rows] == sorted(map(str, [*range(1, 13), 100, "b"]))


def test_models_that_give_no_probability_of_a_class_make_no_submission(tmp_path):
    np.save(tmp_path / "new.npy", np.zeros((2, 5), np.int8))
    tags = Schema(Feature("tokens", (5,), "int8", vocab_size=9), Target("class", ("noun", "verb"), dense_shape=(5,)))
    classes = Schema(Feature("vector", (5,), "int8"), Target("class", ("a", "b")))
    for schema, name, match in ((tags, "verb", "many answers for each input"), (classes, "b", "something else")):
        predictor = Predictor(schema, None, tag_table, lambda inputs: np.zeros(len(inputs)))
        with pytest.raises(jaxflow.UserError, match=f"--submission {name}.*{match}.* out$"):
            predict_with(predictor, tmp_path / "new.npy", tmp_path / "out.csv", name)
    assert not (tmp_path / "out.csv").exists()


def test_submissions_that_mean_nothing(photographs, tmp_path):
    folder, root = photographs
    with pytest.raises(jaxflow.UserError, match=r"--submission cat is no class or label of .* bright, dark"):
        jaxflow.predict(folder, root, submission="cat")
    with pytest.raises(jaxflow.UserError, match="24 inputs have only 12 names"):
        jaxflow.predict(folder, root, tmp_path / "out.csv", submission="dark")
    assert not (tmp_path / "out.csv").exists()


def test_an_image_that_cannot_be_read_is_named(photographs, tmp_path):
    folder, root = photographs
    shutil.copytree(root / "dark", tmp_path / "new")
    (tmp_path / "new" / "5.png").write_bytes((root / "dark" / "5.png").read_bytes()[:60])
    with pytest.raises(jaxflow.UserError, match=r"new/5\.png cannot be read as an image"):
        jaxflow.predict(folder, tmp_path / "new")


def test_outputs_that_are_not_finite_are_refused(tmp_path):
    inputs = np.random.RandomState(0).randn(40, 3).astype(np.float32)
    data = jaxflow.from_arrays({"train": (inputs, np.arange(40) % 2), "test": (inputs, np.arange(40) % 2)})
    experiment = jaxflow.Experiment(
        jaxflow.Digits(), jaxflow.MLP((4,)), jaxflow.Classification(), jaxflow.Adam(), batch_size=8, epochs=1
    )
    jaxflow.train(experiment, tmp_path / "run", dataset=data)
    inputs[[7, 9], 1] = np.nan
    np.save(tmp_path / "new.npy", inputs)
    with pytest.raises(
        jaxflow.UserError, match=r"the model's output for 7 is not finite \(2 such\); look at its inputs"
    ):
        jaxflow.predict(tmp_path / "run", tmp_path / "new.npy")
    assert not (tmp_path / "run" / "predictions").exists()


def test_what_cannot_be_read_is_left_out_by_wish_and_counted(photographs, tmp_path, said):
    folder, root = photographs
    shutil.copytree(root / "dark", tmp_path / "new")
    for name in ("3.png", "5.png"):
        (tmp_path / "new" / name).write_bytes(b"")
    with pytest.raises(jaxflow.UserError, match=r"3\.png cannot be read"):
        jaxflow.predict(folder, tmp_path / "new", bad="stop")
    rows = read(jaxflow.predict(folder, tmp_path / "new", tmp_path / "out.csv", bad="skip"))
    assert [row["id"] for row in rows] == sorted(f"{i}.png" for i in range(1, 13) if i not in (3, 5))
    assert f"left out 2 examples that cannot be predicted, the first: {tmp_path}/new/3.png" in said()
    for path in (tmp_path / "new").iterdir():
        path.write_bytes(b"")
    with pytest.raises(jaxflow.UserError, match=r"none of the 12 examples of .*new can be predicted: .*it is empty"):
        jaxflow.predict(folder, tmp_path / "new", tmp_path / "none.csv", bad="skip")
    assert not (tmp_path / "none.csv").exists()
    with pytest.raises(jaxflow.UserError, match="--bad is 'ignore'; it is stop or skip"):
        jaxflow.predict(folder, tmp_path / "new", bad="ignore")


def test_outputs_that_are_not_finite_are_left_out_by_wish():
    predictor = Predictor(Schema(SMALL, Target("class", ("a", "b"))), None, class_table, lambda x: x.mean((1, 2, 3)))
    inputs = np.ones((5, 2, 2, 3), np.float32)
    inputs[[1, 4], 0] = np.nan
    blocks, bad = [(inputs, list("vwxyz"))], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jaxflow.deployment.predictor.read_inputs", lambda *_: iter(blocks))
        ((ids, predictions),) = predictor.predict_source(SMALL, bad)
        assert list(ids) == ["v", "x", "y"]
        np.testing.assert_array_equal(predictions, 1)
        assert bad == [f"the model's output for {name} is not finite" for name in "wz"]
        with pytest.raises(jaxflow.UserError, match=r"output for w is not finite \(2 such\)"):
            list(predictor.predict_source(SMALL))


def test_one_example_is_answered_in_a_sentence(photographs, tmp_path, said):
    folder, root = photographs
    (row,) = read(jaxflow.predict(folder, root / "dark" / "3.png", tmp_path / "one.csv"))
    assert f"3.png: dark, {float(row['probability']):.0%}" in said()
    jaxflow.predict(folder, root / "dark", tmp_path / "all.csv")
    assert "png: dark" not in said()


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"prediction": ["cat"], "probability": ["0.7213"], "p_cat": ["0.72"]}, "x: cat, 72%"),
        ({"prediction": np.array([3.25], np.float32)}, "x: 3.25"),
        ({"prediction_width": [1234.5678], "prediction_height": [2.0]}, "x: width 1234.57, height 2"),
        ({"fraction_sky": [0.25], "fraction_road": [0.75], "fraction_car": [0.0]}, "x: road 75%, sky 25%"),
        ({"prediction": ["word"]}, "x: word"),
    ],
)
def test_sentences(columns, expected):
    assert sentence("x", columns) == expected


class Brightness:
    """A step that answers with a mask: 1 where the first channel is bright."""

    def __call__(self, inputs):
        return (inputs[..., 0] > 100).astype(np.int8)


def mask_predictor(feature):
    target = Target("class", ("dark", "bright"), feature.shape[:-1])
    return Predictor(Schema(feature, target), None, mask_table, Brightness())


@pytest.mark.parametrize("resize", ["stretch", "crop"])
def test_masks_have_the_size_of_their_photographs(resize, tmp_path):
    (tmp_path / "in").mkdir()
    shapes = {"a.png": (16, 24), "b.png": (8, 8), "c.png": (24, 16)}
    for name, (height, width) in shapes.items():
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[:, width // 2 :] = 200
        Image.fromarray(pixels).save(tmp_path / "in" / name)
    predictor = mask_predictor(Feature("image", (4, 4, 3), "uint8", resize))
    predict_with(predictor, tmp_path / "in", tmp_path / "out.csv")
    for name, (height, width) in shapes.items():
        mask = np.asarray(Image.open(tmp_path / "out" / name))
        expected = np.zeros((height, width), np.uint8)
        expected[:, width // 2 :] = 1
        if resize == "crop":
            side = min(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            inside = np.zeros((height, width), bool)
            inside[top : top + side, left : left + side] = True
            expected[~inside] = 255
        np.testing.assert_array_equal(mask, expected)
    for row in read(tmp_path / "out.csv"):
        assert float(row["fraction_bright"]) == 0.5


def test_masks_of_many_classes_are_written_with_sixteen_bits(tmp_path):
    masks = np.array([[[0, 150], [-1, 299]]], np.int16)
    with masks_written(tmp_path / "out", iter([(["a.png"], masks)]), SMALL) as passed:
        list(passed)
    np.testing.assert_array_equal(Image.open(tmp_path / "out" / "a.png"), [[0, 150], [65535, 299]])


def test_masks_beside_new_inputs_are_none(tmp_path, said):
    source = jaxflow.ImageMasks(str(tmp_path), masks="gt", mask_name="{}_gt")
    for name in ("images/a.1.png", "gt/a.1_gt.png", "gt/b.png"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "in" / name)
    feature = Feature("image", (4, 4, 3), "uint8")
    predictor = dataclasses.replace(mask_predictor(feature), is_mask=partial(is_mask, source=source))
    predict_with(predictor, tmp_path / "in", tmp_path / "out.csv")
    assert [row["id"] for row in read(tmp_path / "out.csv")] == ["gt/b.png", "images/a.1.png"]
    assert f"not used: 1 images of {tmp_path / 'in'}, which are masks" in said()
    (tmp_path / "in" / "gt" / "b.png").unlink()
    shutil.rmtree(tmp_path / "in" / "images")
    predict_with(predictor, tmp_path / "in", tmp_path / "out.csv")  # nothing else is meant
    assert [row["id"] for row in read(tmp_path / "out.csv")] == ["gt/a.1_gt.png"]


def test_masks_lie_on_their_scans(tmp_path, said):
    """NIfTI of any order of axes and arrays: the mask has the scan's shape and affine, and padding has no class."""
    affine = np.array([[0, -2, 0, 3], [0, 0, 1.5, 4], [-1, 0, 0, 5], [0, 0, 0, 1.0]])
    voxels = (200 * (np.random.RandomState(0).rand(4, 5, 6) > 0.5)).astype(np.int16)
    (tmp_path / "in").mkdir()
    nibabel.save(nibabel.Nifti1Image(voxels, affine), tmp_path / "in" / "a.nii.gz")
    np.save(tmp_path / "in" / "b.npy", voxels)
    predictor = mask_predictor(Feature("volume", (8, 8, 8, 1), "float32"))
    predict_with(predictor, tmp_path / "in", tmp_path / "out.csv")
    mask = nibabel.load(tmp_path / "out" / "a.nii.gz")
    np.testing.assert_array_equal(np.asarray(mask.dataobj), voxels > 100)
    np.testing.assert_allclose(mask.affine, affine)
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "b.npy"), voxels > 100)
    for row in read(tmp_path / "out.csv"):
        assert float(row["fraction_bright"]) == pytest.approx((voxels > 100).mean(), abs=1e-6)
        assert float(row["fraction_bright"]) + float(row["fraction_dark"]) == pytest.approx(1, abs=1e-5)
    predict_with(predictor, tmp_path / "in" / "b.npy", tmp_path / "one.csv")  # one volume, of its own size
    np.testing.assert_array_equal(np.load(tmp_path / "one" / "b.npy"), voxels > 100)
    assert f"bright {(voxels > 100).mean():.0%}" in said().splitlines()[-1]
    small = mask_predictor(Feature("volume", (2, 8, 8, 1), "float32"))
    predict_with(small, tmp_path / "in" / "a.nii.gz", tmp_path / "cropped.csv")
    cropped = nibabel.as_closest_canonical(nibabel.load(tmp_path / "cropped" / "a.nii.gz")).get_fdata()
    upright = nibabel.as_closest_canonical(nibabel.load(tmp_path / "in" / "a.nii.gz")).get_fdata()
    np.testing.assert_array_equal(cropped[1:3], upright[1:3] > 100)
    assert (cropped[[0, 3, 4]] == -1).all()


def test_arrays_of_examples_keep_the_size_of_the_model(tmp_path):
    images = (200 * (np.random.RandomState(0).rand(3, 4, 4, 3) > 0.5)).astype(np.uint8)
    np.save(tmp_path / "in.npy", images)
    predict_with(mask_predictor(Feature("image", (4, 4, 3), "uint8")), tmp_path / "in.npy", tmp_path / "out.csv")
    for number, image in enumerate(images):
        np.testing.assert_array_equal(Image.open(tmp_path / "out" / f"{number}.png"), image[..., 0] > 100)


@pytest.mark.parametrize("text", ["", "a", "a\n", "a\n\nb\n", "a\r\nb\rc\r\n", "\r\n", "a\r", "é\r\n\r\nz"])
@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_lines_of_texts_are_those_that_python_reads(text, size, tmp_path, monkeypatch):
    monkeypatch.setattr("jaxflow.data.texts.read.CHUNK_SIZE", size)
    (tmp_path / "a.txt").write_bytes(text.encode())
    lines = []

    class Recorder:
        def encode(self, line):
            lines.append(line)
            return []

    with contextlib.suppress(jaxflow.UserError):  # of files without a text
        list(encode_texts(TextEncoding(Recorder(), "text"), tmp_path / "a.txt", Feature("tokens", (4,), "int16"), 2))
    assert lines == io.StringIO(text, newline=None).read().removesuffix("\n").split("\n")


def test_an_output_that_its_masks_could_not_lie_beside_is_refused_before_anything_is_predicted(tmp_path):
    class Masks:
        schema = Schema(Feature("image", (4, 4, 1), "uint8"), Target("class", ("a", "b"), (4, 4)))

    (tmp_path / "taken").write_text("")
    for name in ("noext", "taken.csv"):
        with pytest.raises(jaxflow.UserError, match=r"masks lie in a folder beside --output .*; choose another"):
            predict_with(Masks(), tmp_path, tmp_path / name)
    assert not (tmp_path / "noext").exists()
