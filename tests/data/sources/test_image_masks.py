"""Images with masks: paired, resized alike, void where nobody knows; whole and damaged."""

import io
import shutil
import unicodedata

import numpy as np
import pytest
from PIL import Image

import jaxflow
from jaxflow import HoldOut, ImageMasks, KFold, UserError
from jaxflow.data.reading.image_masks import read_mask
from jaxflow.data.reading.images import read_image
from jaxflow.schema import IGNORE, Feature
from jaxflow.serialization import from_json, to_json
from tests.conftest import ROOT, assert_same_splits

ROADS = ROOT.parent / "shared" / "data" / "camvid"


def mask_of(pixels):
    """The class of a pixel is how bright its red is, in quarters."""
    return pixels[..., 0] // 64


@pytest.fixture
def make(tmp_path):
    """Makes pairs; the mask of each is what its image says."""

    def make(names, images="images/{}.png", masks="masks/{}.png", side=(9, 12)):
        for number, name in enumerate(names):
            pixels = np.random.RandomState(number).randint(0, 256, (*side, 3)).astype(np.uint8)
            for pattern, array in ((images, pixels), (masks, mask_of(pixels))):
                path = tmp_path / "d" / pattern.format(name)
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(path)
        return tmp_path / "d"

    return make


def load(root, **settings):
    return ImageMasks(str(root), **{"size": (9, 12), "split": HoldOut(0.2, 0.2)} | settings).load()


TWENTY = [f"scene {i} ü" for i in range(20)]


def test_masks_are_those_of_their_images(make):
    dataset = load(make(TWENTY))
    assert dataset.schema.target.names == ("0", "1", "2", "3")
    assert dataset.schema.target.dense_shape == (9, 12)
    for split in dataset.splits.values():
        rows = split.rows(np.arange(len(split)))
        np.testing.assert_array_equal(rows["targets"], mask_of(rows["inputs"]))
        assert rows["targets"].dtype == np.int8


@pytest.mark.parametrize("layout", ["{s}/images/{n}.png {s}/masks/{n}.png", "images/{s}/{n}.png masks/{s}/{n}.png"])
def test_official_splits_are_kept_above_and_below(make, layout):
    images, masks = (part.replace("{n}", "{{}}") for part in layout.split())
    for split, names in (("train", "abcdefghijkl"), ("val", "mn"), ("test", "op")):
        root = make(list(names), images.format(s=split), masks.format(s=split))
    dataset = load(root)
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 12, "validation": 2, "test": 2}
    for split in dataset.splits.values():
        rows = split.rows(np.arange(len(split)))
        np.testing.assert_array_equal(rows["targets"], mask_of(rows["inputs"]))
    with pytest.raises(UserError, match="is split by its folders"):
        load(root, split=KFold())
    for split, name in (("dev", "q"), ("eval", "r")):
        root = make([name], images.format(s=split), masks.format(s=split))
    with pytest.raises(UserError, match="dev, eval and test: eval may be validation or test"):
        load(root)


def test_lazy_and_in_memory_are_the_same(make):
    root = make(TWENTY, side=(20, 31))
    for resize in ("stretch", "crop"):
        settings = {"size": (8, 10), "resize": resize}
        assert_same_splits(load(root, **settings, in_memory=False), load(root, **settings))
        assert_same_splits(load(root, **settings, in_memory=False), load(root, **settings))  # from the cache


def test_void_counts_nowhere_and_names_are_numbers(make):
    dataset = load(make(TWENTY), ignore_label=3, names=("a", "b", "c"))
    for split in dataset.splits.values():
        rows = split.rows(np.arange(len(split)))
        brightness = mask_of(rows["inputs"])
        np.testing.assert_array_equal(rows["targets"], np.where(brightness == 3, IGNORE, brightness.astype(int)))


def test_masks_of_black_and_white(make):
    root = make(TWENTY)
    for path in (root / "masks").iterdir():
        Image.fromarray(np.where(np.array(Image.open(path)) > 1, 255, 0).astype(np.uint8)).save(path)
    dataset = load(root)
    assert dataset.schema.target.names == ("0", "255")
    rows = dataset.splits["train"].rows(np.arange(4))
    np.testing.assert_array_equal(rows["targets"], mask_of(rows["inputs"]) > 1)


@pytest.mark.parametrize("resize", ["stretch", "crop"])
def test_masks_lie_on_their_resized_images(tmp_path, resize):
    """A bright square in the dark: resized, the mask has its edges where the image has them, to half a pixel."""
    pixels = np.zeros((60, 90), np.uint8)
    pixels[20:50, 30:70] = 255
    Image.fromarray(pixels).save(tmp_path / "image.png")
    Image.fromarray(pixels // 255).save(tmp_path / "mask.png")
    feature = Feature("image", (24, 24, 1), "uint8", resize)
    image = read_image(tmp_path / "image.png", feature)[..., 0].astype(float)
    mask = read_mask(tmp_path / "image.png", tmp_path / "mask.png", feature)
    assert set(np.unique(mask)) == {0, 1}
    np.testing.assert_array_equal(mask[(image < 5) | (image > 250)], image[(image < 5) | (image > 250)] > 127)
    assert abs(mask.mean() - image.mean() / 255) < 0.02


def test_palettes_hold_numbers_and_sixteen_bits_do(tmp_path):
    Image.new("RGB", (4, 3)).save(tmp_path / "i.png")
    feature = Feature("image", (3, 4, 3), "uint8", "none")
    values = np.arange(12).reshape(3, 4)
    palette = Image.fromarray(values.astype(np.uint8))
    palette.putpalette([7] * 768)  # every entry is one colour: only the numbers differ
    assert palette.mode == "P"
    palette.save(tmp_path / "p.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "i.png", tmp_path / "p.png", feature), values)
    Image.fromarray((values * 1000).astype(np.uint16)).save(tmp_path / "s.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "i.png", tmp_path / "s.png", feature), values * 1000)
    Image.fromarray((values * 5000).astype(np.uint16)).save(tmp_path / "s.png")
    with pytest.raises(UserError, match="holds the value 55000; classes are numbers from 0 to 32767"):
        read_mask(tmp_path / "i.png", tmp_path / "s.png", feature)


def test_equal_pairs_are_one_and_groups_stay_together(make):
    root = make(TWENTY)
    for folder in ("images", "masks"):
        shutil.copy(root / folder / f"{TWENTY[2]}.png", root / folder / "z copy.png")
    assert len(load(root, drop_duplicates=True).splits["train"]) == len(load(root).splits["train"]) - 1
    dataset = load(root, drop_duplicates=True, group=r"(\d) ü")
    sides = [{split.id(i)[-7] for i in range(len(split))} for split in dataset.splits.values()]
    assert sum(map(len, sides)) == 10 == len(set.union(*sides))


def test_what_is_wrong_is_said_in_one_line(make):
    root = make(TWENTY)
    mask = root / "masks" / f"{TWENTY[3]}.png"
    whole = mask.read_bytes()

    def refused(match, **settings):
        with pytest.raises(UserError, match=match) as error:
            load(root, **settings)
        assert "\n" not in str(error.value)

    refused(r"data\.names is \('a',\)", names=("a",))
    refused(r"ImageMasks\.ignore_label is -2", ignore_label=-2)
    refused(r"data\.mask_name is '_mask'; it is a name with one \{\} in it", mask_name="_mask")
    refused(r"data\.input_name is 'a/\{\}'", input_name="a/{}")
    refused(r"holds the value 3, and the classes are \[0, 1, 2\]", names=("a", "b", "c"))
    refused(r"has no images in a folder 'labels'", masks="labels")
    Image.fromarray(np.full((9, 12, 3), (2, 1, 1), np.uint8)).save(mask)
    refused(r"scene 3 ü\.png has colours \(mode RGB\)")
    Image.fromarray(np.zeros((5, 12), np.uint8)).save(mask)
    refused(r"scene 3 ü\.png is 12x5 pixels and its image scene 3 ü\.png 12x9")
    mask.write_bytes(whole[:60])
    refused(r"scene 3 ü\.png cannot be read")
    assert load(root, max_corrupt=1).excluded == {"all": 1}
    mask.unlink()
    refused(r"images/scene 3 ü\.png has no other half in 'masks' \(1 such of 20\)")
    shutil.copy(root / "masks" / f"{TWENTY[4]}.png", mask.with_suffix(".bmp"))
    shutil.copy(root / "masks" / f"{TWENTY[4]}.png", mask)
    refused("one of which is too many")
    mask.with_suffix(".bmp").unlink()
    for path in (root / "masks").iterdir():
        Image.fromarray(np.ones((9, 12), np.uint8)).save(path)
    refused("hold one class alone")
    shutil.rmtree(root)
    refused("is not there; name a folder of images")


def test_a_value_that_training_never_saw_is_named(make):
    root = make(TWENTY)
    dataset = load(root)
    name = dataset.splits["test"].id(0).removeprefix("images/")
    pixels = np.array(Image.open(root / "masks" / name))
    pixels[2, 3] = 200
    Image.fromarray(pixels).save(root / "masks" / name)
    with pytest.raises(UserError, match=r"holds the value 200, and the classes are \[0, 1, 2, 3\]"):
        load(root)


def test_it_survives_json():
    data = ImageMasks("x", size=(3, 4), names=("a", "b"), ignore_label=255)
    assert from_json(to_json(data)) == data


@pytest.mark.skipif(not ROADS.is_dir(), reason="needs the shared CamVid scenes")
def test_road_scenes_are_read_with_their_splits():
    dataset = load(ROADS, size=(120, 160), ignore_label=11)
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 60, "validation": 15, "test": 20}
    assert dataset.schema.target.names == tuple(map(str, range(11)))


@pytest.mark.slow
def test_a_model_learns_masks_and_predicts_them(make, tmp_path):
    root = make([f"{i:02d}" for i in range(30)])
    experiment = jaxflow.Experiment(
        data=ImageMasks(str(root), size=(9, 12), split=HoldOut(0.2, 0.2)),
        preprocess=(jaxflow.Scale(-1.0, 1.0),),
        augment=(jaxflow.Flip(), jaxflow.Crop(1)),
        model=jaxflow.LinkNet(widths=(8, 8), convolutions=1),
        problem=jaxflow.Segmentation(),
        optimizer=jaxflow.Adam(1e-2),
        batch_size=4,
        epochs=40,
        validate_every_epochs=40,
    )
    run = tmp_path / "run"
    jaxflow.train(experiment, run)
    results = jaxflow.evaluate(run)
    assert results["test"]["accuracy"] > 0.8 > 0.5 > results["baseline"]["accuracy"]
    assert (run / "report" / "masks.svg").stat().st_size > 1000
    output = jaxflow.predict(run, root / "images")
    assert output.read_text().splitlines()[0] == "id,fraction_0,fraction_1,fraction_2,fraction_3"
    assert (output.with_suffix("") / "07.png").exists()
    masks = np.stack([np.array(Image.open(path)) for path in sorted(output.with_suffix("").glob("*.png"))])
    true = np.stack([np.array(Image.open(path)) for path in sorted((root / "masks").iterdir())])
    assert masks.shape == true.shape
    assert (masks == true).mean() > 0.8
    described = jaxflow.explore(experiment, run)
    assert sum(described["splits"]["test"]["classes"].values()) == 9 * 12 * described["splits"]["test"]["examples"]


def blobs(count, side, values):
    """Masks of discs: each value but the first has one."""
    generator, y, x = np.random.RandomState(0), *np.mgrid[:side, :side]
    masks = np.full((count, side, side), values[0], np.uint8)
    for mask in masks:
        for value in values[1:]:
            (row, column), radius = generator.randint(0, side, 2), side / generator.randint(3, 6)
            mask[(y - row) ** 2 + (x - column) ** 2 < radius**2] = value
    return masks


@pytest.fixture
def paired(tmp_path):
    """Writes masks, and an image for each."""

    def paired(masks, suffix=".png"):
        for number, mask in enumerate(masks):
            for folder, pixels, end in (("images", mask // 2, ".png"), ("masks", mask, suffix)):
                path = tmp_path / "d" / folder / f"{number}{end}"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(path)
        return tmp_path / "d"

    return paired


def through_jpeg(mask, quality):
    file = io.BytesIO()
    Image.fromarray(mask).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


BLURS = {
    "jpeg, as png": lambda mask: through_jpeg(mask, 75),
    "fine jpeg, as png": lambda mask: through_jpeg(mask, 95),
    "resized": lambda mask: np.array(Image.fromarray(mask).resize((40, 40), Image.Resampling.BILINEAR)),
    "jpeg, resized by the nearest": lambda mask: through_jpeg(mask, 90)[::2, ::2],
}


@pytest.mark.parametrize("values", [(0, 255), (0, 85, 170, 255)])
@pytest.mark.parametrize("blur", BLURS)
def test_masks_that_something_blurred_are_refused(blur, values, paired):
    masks = np.array([BLURS[blur](mask) for mask in blobs(20, 64, values)])
    root, side = paired(masks), masks.shape[1:]
    with pytest.raises(UserError, match=r"strewn over single pixels .*--data\.mask_values 0 .*255") as error:
        load(root, size=side)
    assert "\n" not in str(error.value)
    dataset = load(root, size=side, mask_values=values)
    assert dataset.schema.target.names == tuple(map(str, values))
    nearest = np.abs(masks[..., None].astype(int) - np.array(values)).argmin(-1)
    for split in dataset.splits.values():
        for index, target in enumerate(split.targets):
            np.testing.assert_array_equal(target, nearest[int(split.id(index).split("/")[1].split(".")[0])])


def test_masks_of_a_format_with_losses_are_refused_and_can_be_used(paired, said):
    root = paired(blobs(20, 64, (0, 255)), ".jpg")
    with pytest.raises(UserError, match=r"masks/0\.jpg is a JPEG \(20 such of 20\).*--data\.mask_values 0 255$"):
        load(root, size=(64, 64))
    dataset = load(root, size=(64, 64), mask_values=(0, 255), names=("paper", "ink"))
    assert dataset.schema.target.names == ("paper", "ink")
    expected = blobs(20, 64, (0, 255)) > 127
    split = dataset.splits["train"]
    for index, target in enumerate(split.targets):
        np.testing.assert_array_equal(target, expected[int(split.id(index).split("/")[1].split(".")[0])])
    with pytest.raises(UserError, match=r"data\.names has 3 names for data\.mask_values \(0, 255\)"):
        load(root, mask_values=(0, 255), names=("a", "b", "c"))
    with pytest.raises(UserError, match="give two or more, ascending"):
        load(root, mask_values=(255, 0))


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_masks_in_grey_that_were_saved_as_colours_are_read(suffix, paired):
    root = paired(blobs(20, 64, (0, 255)))
    for path in list((root / "masks").iterdir()):
        Image.open(path).convert("RGB").save(path.with_suffix(suffix))
        if suffix != ".png":
            path.unlink()
    dataset = load(root, size=(64, 64), mask_values=(0, 255))
    expected = blobs(20, 64, (0, 255)) > 127
    split = dataset.splits["train"]
    for index, target in enumerate(split.targets):
        np.testing.assert_array_equal(target, expected[int(split.id(index).split("/")[1].split(".")[0])])


def test_many_small_classes_are_classes(paired):
    """Forty values, all but one of them rare, in boxes of a few pixels."""
    masks, generator = np.zeros((20, 64, 64), np.uint8), np.random.RandomState(0)
    for mask in masks:
        for value in range(1, 40):
            row, column, height, width = (*generator.randint(0, 60, 2), *generator.randint(1, 5, 2))
            mask[row : row + height, column : column + width] = value
    assert len(load(paired(masks), size=(64, 64)).schema.target.names) == 40


@pytest.mark.parametrize(
    ("images", "masks", "settings"),
    [
        ("{}", "{}_mask", {"mask_name": "{}_mask"}),
        ("{}", "{}mask", {"mask_name": "{}mask"}),
        ("{}", "mask_{}", {"mask_name": "mask_{}"}),
        ("img_{}", "img_{}_L", {"mask_name": "{}_L"}),
        ("{}_0000", "{}", {"input_name": "{}_0000"}),
        ("{}.image", "{}.mask", {"input_name": "{}.image", "mask_name": "{}.mask"}),
    ],
)
def test_other_names_of_masks_are_paired_by_the_setting_that_the_error_names(images, masks, settings, make):
    root = make([f"street {number}" for number in range(30)], f"images/{images}.png", f"masks/{masks}.png")
    with pytest.raises(UserError) as error:
        load(root)
    flags = " ".join(f"--data.{name}='{value}'" for name, value in sorted(settings.items()))
    assert str(error.value).endswith(f"are paired by {flags}")
    for split in load(root, **settings).splits.values():
        rows = split.rows(np.arange(len(split)))
        np.testing.assert_array_equal(rows["targets"], mask_of(rows["inputs"]))


def test_masks_may_lie_beside_their_images(make, said):
    root = make(TWENTY, "scenes/{}.png", "scenes/{}_mask.png")
    with pytest.raises(UserError, match="both name 'scenes', whose files would be their own masks"):
        load(root, images="scenes", masks="scenes")
    Image.new("L", (3, 3)).save(root / "scenes" / "_mask.png")
    with pytest.raises(UserError, match=r"scenes/_mask\.png has no other half in 'scenes \(called {}_mask\)'"):
        load(root, images="scenes", masks="scenes", mask_name="{}_mask")
    (root / "scenes" / "_mask.png").unlink()
    dataset = load(root, images="scenes", masks="scenes", mask_name="{}_mask")
    assert sum(map(len, dataset.splits.values())) == 20
    for split in dataset.splits.values():
        rows = split.rows(np.arange(len(split)))
        np.testing.assert_array_equal(rows["targets"], mask_of(rows["inputs"]))


def test_several_masks_of_an_image_are_told_apart_by_their_names(make, said):
    for kind in ("vessel", "disc"):
        root = make(TWENTY, masks="masks/{}_" + kind + ".png")
    assert len(load(root, mask_name="{}_disc").splits["train"])
    assert f"not used: 20 images of {root} that lie in masks and are not called {{}}_disc" in said()


def test_names_of_pairs_that_differ_in_capitals_or_unicode(make):
    root = make(["b", "c", "d", "e"])
    names = [unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD")]
    shutil.copy(root / "images" / "b.png", root / "images" / f"{names[0]}.png")
    shutil.copy(root / "masks" / "b.png", root / "masks" / f"{names[1]}.png")
    assert sum(map(len, load(root, split=HoldOut(0.3, 0.3)).splits.values())) == 5
    (root / "masks" / "b.png").rename(root / "masks" / "B.png")
    with pytest.raises(UserError, match=r"masks/B\.png differs from it by capitals alone: rename one"):
        load(root)


def test_folders_of_other_names_are_listed(make):
    root = make(["a", "b"], "img/{}.png", "gt/{}.png")
    with pytest.raises(
        UserError, match=r"its folders are gt, img: name two of them by --data\.images and --data\.masks"
    ):
        load(root)


def test_splits_are_known_by_other_names_too(make):
    for split, names in (("Training", "abcdefghijkl"), ("Testing", "op")):
        root = make(list(names), f"{split}/images/{{}}.png", f"{split}/masks/{{}}.png")
    dataset = load(root, split=HoldOut(0.0, 0.3))
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 12, "test": 2}


def test_evaluation_beside_test_is_validation(make):
    for split, names in (("my_train", "abcdefghijkl"), ("my_eval", "mn"), ("my_test", "opq")):
        root = make(list(names), f"images/{split}/{{}}.png", f"masks/{split}/{{}}.png")
    dataset = load(root)
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 12, "validation": 2, "test": 3}


def test_images_beside_the_pairs_are_counted(make, said):
    root = make(TWENTY)
    Image.new("L", (3, 3)).save(root / "preview.png")
    load(root)
    assert f"not used: 1 images of {root} that lie neither in images nor in masks" in said()


@pytest.mark.parametrize("field", ["mask_name", "input_name"])
def test_a_suffix_in_a_template_of_names_is_told_of(field, make):
    root = make(["a", "b"], "images/{}_x.png", "masks/{}_x.png")
    with pytest.raises(UserError, match=rf"names in data\.{field} have none; write --data\.{field}='{{}}_x'"):
        load(root, **{field: "{}_x.png"})
