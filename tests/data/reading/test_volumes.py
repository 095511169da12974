"""Volumes, with masks and with labels: NIfTI and NumPy, cut and filled up, whole and damaged."""

import dataclasses
import gzip
import zipfile

import nibabel
import numpy as np
import pytest

import jaxflow
from jaxflow import HoldOut, UserError, VolumeFolder, VolumeMasks
from jaxflow.data.reading import scans
from jaxflow.data.reading.volumes import measure_volume, padding, read_mask, read_volume, restore_mask
from jaxflow.schema import IGNORE, Feature
from tests.conftest import ROOT, assert_same_splits

SCANS = ROOT.parent / "shared" / "data" / "hippocampus"
FEATURE = Feature("volume", (4, 5, 6, 1), "float32")


def volume(seed=0, shape=(6, 5, 3)):
    return np.random.RandomState(seed).randint(0, 1000, shape).astype(np.int16)


def write(path, voxels, affine=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith((".nii", ".nii.gz")):
        nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4) if affine is None else affine), path)
    elif path.suffix == ".npz":
        np.savez(path, voxels)
    else:
        np.save(path, voxels)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".npy", ".npz"])
def test_volumes_are_cut_and_filled_up_around_their_middle(tmp_path, suffix):
    voxels = volume()
    path = write(tmp_path / f"v{suffix}", voxels)
    read = read_volume(path, FEATURE)
    assert read.dtype == np.float32
    assert read.shape == (4, 5, 6, 1)
    np.testing.assert_array_equal(read[:, :, 1:4, 0], voxels[1:5])
    np.testing.assert_array_equal(read[:, :, [0, 4, 5]], voxels.min())
    mask = read_mask(path, write(tmp_path / f"m{suffix}", voxels % 3), FEATURE)
    np.testing.assert_array_equal(mask[:, :, 1:4], (voxels % 3)[1:5])
    np.testing.assert_array_equal(mask[:, :, [0, 4, 5]], IGNORE)


def test_scans_are_turned_one_way(tmp_path):
    """A scan stored from left to right and one stored from right to left are the same scan."""
    voxels = volume(shape=(4, 5, 6))
    mirrored = np.diag([-1.0, 1, 1, 1])
    mirrored[0, 3] = 3
    one, other = write(tmp_path / "a.nii", voxels), write(tmp_path / "b.nii", voxels[::-1].copy(), mirrored)
    np.testing.assert_array_equal(read_volume(one, FEATURE), read_volume(other, FEATURE))
    scaled = nibabel.Nifti1Image(voxels, np.eye(4))
    scaled.header.set_slope_inter(2.0, 7.0)
    nibabel.save(scaled, tmp_path / "c.nii")
    expected = np.asarray(nibabel.load(tmp_path / "c.nii").dataobj)[..., None]
    np.testing.assert_allclose(read_volume(tmp_path / "c.nii", FEATURE), expected)


def test_what_is_wrong_is_said_in_one_line(tmp_path):
    def refused(match, path, mask=None):
        with pytest.raises(UserError, match=match) as error:
            read_volume(path, FEATURE) if mask is None else read_mask(path, mask, FEATURE)
        assert "\n" not in str(error.value)

    wrong = volume().astype(np.float32)
    wrong[0, 0, :2] = np.nan, np.inf
    refused("holds 2 voxels that are no finite numbers", write(tmp_path / "nan.nii.gz", wrong))
    refused(r"has the shape \(6, 5\); a volume has three axes", write(tmp_path / "flat.npy", volume(shape=(6, 5))))
    refused(r"and 1 channels", write(tmp_path / "two.npy", volume(shape=(6, 5, 3, 2))))
    refused("has the shape", write(tmp_path / "none.npy", volume(shape=(6, 0, 3))))
    for name in ("text.nii", "text.nii.gz", "text.npy", "text.npz"):
        (tmp_path / name).write_text("no scan")
        refused("cannot be read as", tmp_path / name)
        (tmp_path / name).write_bytes(b"")
        refused("cannot be read as", tmp_path / name)
    whole = write(tmp_path / "cut.nii.gz", volume(shape=(30, 30, 30))).read_bytes()
    (tmp_path / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    refused("cannot be read as NIfTI", tmp_path / "cut.nii.gz")
    whole = gzip.decompress(whole)
    (tmp_path / "short.nii").write_bytes(whole[: len(whole) // 2])
    refused("cannot be read as NIfTI", tmp_path / "short.nii")
    np.savez(tmp_path / "many.npz", a=volume(), b=volume())
    refused("holds the arrays a, b; it takes one", tmp_path / "many.npz")
    for wrong in (volume().astype(str), volume() + 1j):
        refused("and voxels are real numbers", write(tmp_path / "wrong.npy", wrong))
    with zipfile.ZipFile(tmp_path / "bytes.npz", "w") as file:
        file.writestr("a", "no array")
    refused("holds no array, but other bytes", tmp_path / "bytes.npz")
    scan = write(tmp_path / "scan.npy", volume())
    refused(r"has the shape \(6, 5, 4\)", scan, write(tmp_path / "m.npy", volume(shape=(6, 5, 4))))
    flat = write(tmp_path / "flat_mask.npy", volume(shape=(6, 5)))
    refused(r"has the shape \(6, 5\); the mask of a volume has three axes", flat, flat)
    refused("holds other numbers than those of classes", scan, write(tmp_path / "m.npy", volume() + 0.5))


@pytest.fixture
def folder(tmp_path):
    """Twenty scans whose masks say where they are bright, in units that differ a thousandfold."""
    for i in range(20):
        voxels = volume(i, (5 + i % 3, 6, 4)) * float(10 ** (i % 4))
        write(tmp_path / "d" / "volumes" / f"scan {i}.nii.gz", voxels.astype(np.float32))
        write(tmp_path / "d" / "masks" / f"scan {i}.nii.gz", (voxels > np.median(voxels)).astype(np.uint8))
    return tmp_path / "d"


def test_lazy_and_in_memory_are_the_same(folder):
    data = {"size": (4, 6, 6), "split": HoldOut(0.3, 0.2)}
    whole = VolumeMasks(str(folder), **data).load()
    assert_same_splits(VolumeMasks(str(folder), **data, in_memory=False).load(), whole)
    rows = whole.splits["train"].rows(np.arange(3))
    for voxels, mask in zip(rows["inputs"][..., 0], rows["targets"]):
        inside = mask != IGNORE
        assert inside.sum() == 4 * 6 * 4
        assert voxels[mask == 1].min() > voxels[inside & (mask == 0)].max()


@pytest.mark.slow
def test_a_network_finds_what_is_bright_in_any_unit(folder, tmp_path):
    experiment = jaxflow.Experiment(
        data=VolumeMasks(str(folder), size=(4, 6, 6), names=("dark", "bright"), split=HoldOut(0.3, 0.2)),
        preprocess=(jaxflow.StandardizePerExample(),),
        augment=(jaxflow.Flip(axes=(0, 1, 2)), jaxflow.Affine(10.0, 0.0, axes=(1, 2))),
        model=jaxflow.LinkNet(widths=(8, 8), convolutions=1),
        problem=jaxflow.Segmentation(loss=jaxflow.losses.CrossEntropy(class_weights="balanced")),
        optimizer=jaxflow.Adam(1e-2),
        batch_size=4,
        epochs=15,
        validate_every_epochs=15,
    )
    run = tmp_path / "run"
    jaxflow.train(experiment, run)
    assert jaxflow.evaluate(run)["test"]["dice"] > 0.75
    output = jaxflow.predict(run, folder / "volumes")
    assert len(list(output.with_suffix("").glob("*.nii.gz"))) == 20
    for preprocess in ((), experiment.preprocess):  # what is used is not advised
        findings = jaxflow.explore(dataclasses.replace(experiment, preprocess=preprocess), run)["findings"]
        assert any("StandardizePerExample" in finding["advice"] for finding in findings) == (not preprocess)


def test_volumes_with_labels(tmp_path):
    for i in range(20):
        write(tmp_path / "d" / "ab"[i % 2] / f"{i}.npy", volume(i))
    data = {"size": (4, 5, 6), "split": HoldOut(0.3, 0.2)}
    dataset = VolumeFolder(str(tmp_path / "d"), **data).load()
    assert dataset.schema.target.names == ("a", "b")
    assert_same_splits(VolumeFolder(str(tmp_path / "d"), **data, in_memory=False).load(), dataset)
    with pytest.raises(UserError, match=r"data\.size is \(4, 5\)"):
        VolumeFolder("d", size=(4, 5))


@pytest.mark.skipif(not SCANS.is_dir(), reason="needs the shared scans")
def test_scans_in_any_units_are_standardised():
    dataset = VolumeMasks(str(SCANS), size=(40, 56, 44), volumes="images", masks="labels").load()
    assert dataset.schema.target.names == ("0", "1", "2")
    inputs = dataset.splits["train"].rows(np.arange(4))["inputs"]
    standardised = np.asarray(jaxflow.StandardizePerExample()([], inputs))
    np.testing.assert_allclose(standardised.mean((1, 2, 3, 4)), 0, atol=1e-3)
    np.testing.assert_allclose(standardised.std((1, 2, 3, 4)), 1, atol=1e-3)


TURNED = np.array([[0, -2, 0, 3], [0, 0, 1.5, 4], [-1, 0, 0, 5], [0, 0, 0, 1.0]])
SCAN_KINDS = {
    "a.nii": nibabel.Nifti1Image,
    "b.nii.gz": nibabel.Nifti1Image,
    "c.mgh": nibabel.MGHImage,
    "d.mgz": nibabel.MGHImage,
    "e.img": nibabel.Nifti1Pair,
    "f.img": nibabel.AnalyzeImage,
}


@pytest.mark.parametrize("name", SCAN_KINDS)
def test_a_mask_lies_on_its_scan_whatever_that_is(name, tmp_path):
    voxels = np.random.RandomState(0).randint(0, 9, (4, 5, 6)).astype(np.int16)
    scan = SCAN_KINDS[name](voxels, TURNED)
    nibabel.save(scan, tmp_path / name)
    # An Analyze file has no affine but what its header implies.
    affine = scan.header.get_best_affine() if name == "f.img" else TURNED
    read = scans.read_scan(tmp_path / name)
    np.testing.assert_array_equal(read, nibabel.as_closest_canonical(SCAN_KINDS[name](voxels, affine)).get_fdata())
    assert scans.scan_shape(tmp_path / name) == read.shape == tuple(measure_volume(tmp_path / name))
    scans.write_mask(tmp_path / "mask.nii.gz", read, tmp_path / name)
    mask = nibabel.load(tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(np.asarray(mask.dataobj), voxels)
    np.testing.assert_allclose(mask.affine, affine, atol=1e-6)
    assert mask.get_data_dtype() == np.int16
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cannot be read as") as error:
        scans.read_scan(tmp_path / name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("shape", [(4, 5, 6), (7, 3, 5), (2, 9, 6)])
def test_a_mask_takes_the_size_of_its_volume_again(shape, tmp_path):
    path = write(tmp_path / "v.npy", volume(shape=shape))
    mask = volume(1, shape) % 5
    seen = read_mask(path, write(tmp_path / "m.npy", mask), FEATURE)
    restored = restore_mask(seen, path)
    assert restored.shape == shape
    np.testing.assert_array_equal(restored[restored >= 0], mask[restored >= 0])
    kept = np.prod(np.minimum(shape, FEATURE.shape[:3]))
    assert (restored >= 0).sum() == kept == (~padding(path, FEATURE.shape[:3])).sum()
    np.testing.assert_array_equal(padding(path, FEATURE.shape[:3]), seen == IGNORE)
