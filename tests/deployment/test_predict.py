import csv

import numpy as np
import pytest
from PIL import Image

import jaxflow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    from tests.conftest import toy_images

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


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.npy", None, "does not exist"),
        ("broken.npy", b"not an array", "cannot be read as a NumPy array"),
        ("broken.png", b"not an image", "cannot be read as an image"),
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
