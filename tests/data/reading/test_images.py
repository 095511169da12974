"""Image files of every kind, whole and damaged: what becomes of their pixels."""

import dataclasses
import io
import os
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from jaxflow.data.reading import images
from jaxflow.data.reading.find import find_files
from jaxflow.data.reading.formats import KINDS, read_files
from jaxflow.data.reading.image_masks import read_mask, restore_mask
from jaxflow.data.reading.images import FORMATS, MEASURES, SUFFIXES, UNMARKED, decode_image, measure_image, read_image
from jaxflow.errors import UserError
from jaxflow.schema import IGNORE, Feature

# Suffixes that Pillow knows and nobody writes.
REST = (".vda", ".icb", ".vst")


def feature(height, width, channels=3, resize="stretch"):
    return Feature("image", (height, width, channels), "uint8", resize)


def noise(height, width, channels=3, seed=0):
    return np.random.RandomState(seed).randint(0, 256, (height, width, channels)).astype(np.uint8)


def smooth(height, width):
    """A photograph's stand-in: slow waves of colour."""
    y, x = np.mgrid[:height, :width] / 20
    return (127.5 + 127 * np.stack([np.sin(x), np.cos(y), np.sin(x + y)], -1)).astype(np.uint8)


def png(path, pixels, **settings):
    Image.fromarray(pixels).save(path, "PNG", **settings)
    return path


def test_an_image_of_the_right_size_keeps_every_pixel(tmp_path):
    pixels = noise(5, 7)
    path = png(tmp_path / "a.png", pixels)
    for resize in ("none", "stretch", "crop"):
        read = read_image(path, feature(5, 7, resize=resize))
        np.testing.assert_array_equal(read, pixels)
        assert (read.dtype, read.flags.writeable) == (np.uint8, True)


def test_halving_is_antialiased(tmp_path):
    # A triangle over four pixels: 1/8, 3/8, 3/8, 1/8 along each axis.
    pixels = noise(8, 8)
    read = read_image(png(tmp_path / "a.png", pixels), feature(4, 4))
    taps = np.array([1, 3, 3, 1]) / 8
    for row, column in ((1, 1), (2, 1), (2, 2)):
        window = pixels[2 * row - 1 : 2 * row + 3, 2 * column - 1 : 2 * column + 3].astype(float)
        expected = np.einsum("y,x,yxc->c", taps, taps, window)
        np.testing.assert_allclose(read[row, column], expected, atol=1.01)  # each axis is rounded
    stripes = np.tile(np.array([0, 255], np.uint8)[None, :, None], (64, 32, 3))
    assert np.ptp(read_image(png(tmp_path / "stripes.png", stripes), feature(8, 8))[:, 1:-1].astype(int)) <= 4


@pytest.mark.parametrize(("height", "width"), [(60, 120), (100, 60), (33, 70), (20, 20)])
def test_crop_is_resizing_and_then_cutting_out_the_middle(height, width, tmp_path):
    pixels = smooth(height, width)
    read = read_image(png(tmp_path / "a.png", pixels), feature(20, 20, resize="crop"))
    reference = ImageOps.fit(Image.fromarray(pixels), (20, 20), Image.Resampling.BILINEAR)
    assert np.abs(read.astype(int) - np.asarray(reference)).max() <= 1
    if (height, width) == (60, 120):  # the middle falls on whole pixels
        small = Image.fromarray(pixels).resize((40, 20), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(read, np.asarray(small)[:, 10:30])


def test_stretch_keeps_the_edges_and_crop_cuts_them_off(tmp_path):
    pixels = np.zeros((40, 120, 3), np.uint8)
    pixels[:, :40], pixels[:, 80:] = 255, 255
    path = png(tmp_path / "a.png", pixels)
    assert read_image(path, feature(10, 10))[:, [0, -1]].min() == 255
    assert read_image(path, feature(10, 10, resize="crop"))[:, 1:-1].max() == 0


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = png(tmp_path / "a.png", noise(4, 6), exif=exif)
    with Image.open(path) as image:
        reference = np.asarray(ImageOps.exif_transpose(image))
    assert reference.shape == ((4, 6, 3) if orientation < 5 else (6, 4, 3))
    np.testing.assert_array_equal(read_image(path, feature(*reference.shape, resize="none")), reference)


def exactly(image, size):
    """The reference: all pixels decoded, then resized."""
    return np.asarray(ImageOps.exif_transpose(image).resize(size, Image.Resampling.BILINEAR))


# Decoded at a half where that leaves 1.4 times what is wanted in both directions, and so on.
@pytest.mark.parametrize(
    ("size", "wanted", "scale"),
    [((200, 160), (40, 40), 2), ((800, 160), (40, 40), 2), ((110, 110), (40, 40), 1), ((800, 640), (50, 40), 8)],
)
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_jpeg_is_decoded_no_larger_than_resizing_needs(size, wanted, scale, orientation, tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(smooth(*size[::-1])).save(tmp_path / "a.jpg", quality=95, exif=exif)
    wanted = wanted if orientation == 1 else wanted[::-1]
    read = read_image(tmp_path / "a.jpg", feature(*wanted[::-1])).astype(float)
    with Image.open(tmp_path / "a.jpg") as image:
        whole = exactly(image, wanted)
    with Image.open(tmp_path / "a.jpg") as image:
        image.draft(None, tuple(side // scale for side in size))
        assert image.size == tuple(side // scale for side in size)
        np.testing.assert_array_equal(read, exactly(image, wanted))
    assert np.array_equal(read, whole) == (scale == 1)
    assert np.abs(read - whole).mean() < 2
    # What comes from memory is treated alike.
    np.testing.assert_array_equal(decode_image((tmp_path / "a.jpg").read_bytes(), feature(*wanted[::-1])), read)


def test_damaged_exif_says_nothing_of_the_pixels(tmp_path):
    Image.fromarray(smooth(8, 8)).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09\x01\x12")
    Image.fromarray(smooth(8, 8)).save(tmp_path / "b.jpg")
    code = f"""
from pathlib import Path
from jaxflow.schema import Feature
from jaxflow.data.reading.images import decode_image, read_image
from jaxflow.runtime.startup import quiet_libraries
quiet_libraries()
folder, feature = Path({str(tmp_path)!r}), Feature("image", (8, 8, 3), "uint8")
one, other = (read_image(folder / name, feature) for name in ("a.jpg", "b.jpg"))
print((one == other).all())"""
    # As a command does it, outside of pytest, which would have its warnings back.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


RED = (200, 40, 40)
GREY = round(0.299 * 200 + 0.587 * 40 + 0.114 * 40)


def palette(transparent):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, *RED])
    if transparent:
        image.info["transparency"] = bytes([255, 0])
    return image


@pytest.mark.parametrize(
    ("image", "suffix", "rgb", "grey"),
    [
        (Image.new("RGB", (4, 4), RED), "png", RED, GREY),
        (Image.new("1", (4, 4), 1), "png", (255,) * 3, 255),
        (Image.new("L", (4, 4), 77), "png", (77,) * 3, 77),
        (Image.new("LA", (4, 4), (0, 102)), "png", (153,) * 3, 153),  # black, 40 % of it, on white
        (Image.new("RGBA", (4, 4), (255, 0, 0, 51)), "png", (255, 204, 204), 219),
        (Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "webp", (255,) * 3, 255),
        (palette(False), "png", RED, GREY),
        (palette(True), "png", (255,) * 3, 255),
        (palette(False).convert("PA"), "tif", RED, GREY),
        (Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "tif", (255, 0, 0), 76),
        (Image.new("CMYK", (4, 4), (0, 0, 0, 255)), "jpg", (0,) * 3, 0),
        (Image.fromarray(np.full((4, 4), 0x8080, np.uint16)), "png", (128,) * 3, 128),
        (Image.fromarray(np.full((4, 4), 300, np.uint16)), "tif", (1,) * 3, 1),
        (Image.fromarray(np.full((4, 4), 65535, np.int32)), "tif", (255,) * 3, 255),
    ],
    ids=lambda value: value.mode if isinstance(value, Image.Image) else None,
)
def test_every_mode_becomes_colour_or_grey(image, suffix, rgb, grey, tmp_path):
    path = tmp_path / f"a.{suffix}"
    image.save(path, **({"lossless": True} if suffix == "webp" else {}))
    for resize in ("none", "crop"):
        np.testing.assert_allclose(read_image(path, feature(4, 4, 3, resize)), np.full((4, 4, 3), rgb), atol=1)
        np.testing.assert_allclose(read_image(path, feature(4, 4, 1, resize)), np.full((4, 4, 1), grey), atol=1)


def test_four_channels_keep_what_is_transparent(tmp_path):
    pixels = noise(3, 3, 4)
    np.testing.assert_array_equal(read_image(png(tmp_path / "a.png", pixels), feature(3, 3, 4)), pixels)
    opaque = read_image(png(tmp_path / "b.png", pixels[..., :3]), feature(3, 3, 4))
    np.testing.assert_array_equal(opaque, np.concatenate([pixels[..., :3], np.full((3, 3, 1), 255)], -1))


def test_grey_of_16_bits_is_scaled_evenly(tmp_path):
    levels = np.linspace(0, 65535, 256).astype(np.uint16)[None]
    read = read_image(png(tmp_path / "a.png", levels), feature(1, 256, 1))
    np.testing.assert_array_equal(read[0, :, 0], np.arange(256))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 20_000), (20_000, 2)])
@pytest.mark.parametrize("resize", ["stretch", "crop"])
def test_tiny_and_huge_images_are_resized(height, width, resize, tmp_path):
    path = png(tmp_path / "a.png", np.full((height, width, 3), 9, np.uint8))
    np.testing.assert_array_equal(read_image(path, feature(16, 24, resize=resize)), np.full((16, 24, 3), 9))


def test_of_an_animation_the_first_frame(tmp_path):
    frames = [Image.new("L", (4, 4), level) for level in (10, 250)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "a.gif", feature(4, 4, 1)).max() == 10


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def jpeg(**settings):
    file = io.BytesIO()
    Image.fromarray(noise(40, 40)).save(file, "JPEG", **settings)
    return file.getvalue()


# A PNG file's signature, and a header that claims 20,000 x 20,000 pixels.
BOMB = (
    b"\x89PNG\r\n\x1a\n"
    + png_chunk(b"IHDR", struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0))
    + png_chunk(b"IDAT", b"")
)
WRONG = {
    "empty": (b"", "it is empty"),
    "text": (b"this is no picture", "it holds no image of a known format"),
    "cut off": (jpeg()[:-200], "truncated"),
    "only its beginning": (jpeg()[:20], "no image of a known format"),
    "bomb": (BOMB, "decompression bomb"),
    "a program for Ghostscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no image of a known format"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_image_is_one_line_with_its_path(name, tmp_path):
    content, message = WRONG[name]
    (tmp_path / "ein Bild é.jpg").write_bytes(content)
    with pytest.raises(UserError, match=f"ein Bild é.jpg cannot be read as an image: .*{message}") as error:
        read_image(tmp_path / "ein Bild é.jpg", feature(8, 8))
    assert "\n" not in str(error.value)
    assert str(error.value).count("ein Bild") == 1


def test_pixels_of_unknown_range_are_refused(tmp_path):
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "float.tif")
    Image.fromarray(np.full((4, 4), 70_000, np.int32)).save(tmp_path / "deep.tif")
    with pytest.raises(UserError, match=r"its pixels are floats.*save it with 8 or 16 bits"):
        read_image(tmp_path / "float.tif", feature(4, 4))
    with pytest.raises(UserError, match=r"outside 0..65535.*save it with 8 or 16 bits"):
        read_image(tmp_path / "deep.tif", feature(4, 4))
    with pytest.raises(UserError, match="cannot be read as an image: No such file"):
        read_image(tmp_path / "nothing.png", feature(4, 4))


def test_a_fixed_size_is_not_resized(tmp_path):
    with pytest.raises(UserError, match=r"a.png is 9x6 pixels; the model takes 6x6"):
        read_image(png(tmp_path / "a.png", noise(6, 9)), feature(6, 6, resize="none"))


def test_threads_keep_the_order_and_hand_out_errors(tmp_path):
    paths = [png(tmp_path / f"{i}.png", np.full((3, 3, 3), i % 256, np.uint8)) for i in range(300)]
    paths[7].write_bytes(b"")
    read = list(read_files(paths, feature(3, 3)))
    assert isinstance(read[7], UserError)
    assert [image.max() for i, image in enumerate(read) if i != 7] == [i % 256 for i in range(300) if i != 7]


def test_finding_images_leaves_out_what_is_none(tmp_path):
    names = ["b/2.JPG", "b/10.png", "a b/ü.jpeg", "a b/tiefer/x.webp", "z.bmp"]
    others = ["b/Thumbs.db", ".DS_Store", "b/._2.jpg", ".git/x.png", "notes.txt", "b/jpg"]
    for name in names + others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "waits.png")
    assert find_files(tmp_path, KINDS["image"]) == sorted(names)


def test_links_are_not_followed(tmp_path, said):
    (tmp_path / "outside").mkdir()
    inside = tmp_path / "inside"
    inside.mkdir()
    png(tmp_path / "outside" / "secret.png", noise(2, 2))
    png(inside / "a.png", noise(2, 2))
    for name, target in {"out": tmp_path / "outside", "loop": inside, "self.png": "self.png", "b.png": "a.png"}.items():
        (inside / name).symlink_to(target)
    assert find_files(inside, KINDS["image"]) == ["a.png"]
    assert f"not followed: symbolic links, 4 of them (--data.follow_links=True follows them) in {inside}" in said()


def test_folders_that_cannot_be_listed_and_names_that_are_no_text(tmp_path, monkeypatch):
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(b"")
    with pytest.raises(UserError, match=r"name is not UTF-8: '\\udcff.png'; rename it"):
        find_files(tmp_path, KINDS["image"])

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UserError, match="cannot be listed: Permission denied"):
        find_files(tmp_path, KINDS["image"])


def test_suffixes_are_those_of_formats_that_pillow_reads():
    known = Image.registered_extensions()
    formats = {*FORMATS, *UNMARKED.values()}
    assert {suffix for suffix, format_ in known.items() if format_ in formats} - {".cur"} <= {*SUFFIXES, *REST}
    assert {known.get(suffix, "JPEG") for suffix in SUFFIXES if suffix not in (".jpf", ".jpx")} <= formats | {"MPO"}


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".ppm", ".pgm", ".tga", ".jp2", ".pcx", ".sgi", ".avif", ".qoi"])
def test_formats_of_all_suffixes_are_read(suffix, tmp_path):
    pixels = np.full((6, 7, 3), 100, np.uint8)
    path = tmp_path / f"a{suffix}"
    format_ = {".jfif": "JPEG", ".jpe": "JPEG", ".pgm": "PPM"}.get(suffix)
    Image.fromarray(pixels).convert("L" if suffix == ".pgm" else "RGB").save(path, format_)
    np.testing.assert_allclose(read_image(path, feature(6, 7)).astype(int), pixels, atol=2)
    np.testing.assert_array_equal(measure_image(path), [6, 7, 1, np.nan, np.nan])


@pytest.mark.parametrize("suffix", [".tif", ".gif", ".webp", ".png", ".avif"])
def test_pages_and_frames_are_counted(suffix, tmp_path):
    first, *others = [Image.fromarray(noise(6, 7, seed=seed)) for seed in range(3)]
    path = tmp_path / f"a{suffix}"
    first.save(path, save_all=True, append_images=others)
    assert measure_image(path)[MEASURES.index("pages")] == 3
    first.save(path)
    assert measure_image(path)[MEASURES.index("pages")] == 1


def test_smaller_copies_and_transparency_in_a_tiff_are_no_pages(tmp_path):
    whole, path = Image.fromarray(noise(8, 8)), tmp_path / "a.tif"
    for kind, count in ((1, 1), (4, 1), (2, 2), (0, 2)):
        second = whole.resize((4, 4))
        second.encoderinfo = {"tiffinfo": {254: kind}}
        whole.save(path, save_all=True, append_images=[second])
        assert measure_image(path)[MEASURES.index("pages")] == count
        np.testing.assert_array_equal(read_image(path, feature(8, 8)), np.asarray(whole))


def test_previews_behind_a_photograph_are_no_pages(tmp_path):
    whole = Image.fromarray(noise(8, 8))
    whole.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[whole.resize((4, 4))])
    assert measure_image(tmp_path / "a.jpg")[MEASURES.index("pages")] == 1


def test_a_mask_of_several_pages_is_refused(tmp_path):
    path, mask = png(tmp_path / "a.png", noise(4, 4)), Image.fromarray(np.eye(4, dtype=np.uint8))
    mask.save(tmp_path / "m.tif", save_all=True, append_images=[mask])
    with pytest.raises(
        UserError, match=r"m\.tif cannot be read as an image: it holds 2 pages, and a mask is one: join"
    ):
        read_mask(path, tmp_path / "m.tif", feature(4, 4))


def test_levels_of_twelve_bits_become_eight(tmp_path):
    """Against NumPy's interpolation; without levels, sixteen bits are scaled as ever."""
    levels = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    Image.fromarray(levels).save(tmp_path / "a.tif")
    expected = np.rint(np.interp(levels, (0, 4080), (0, 255)))
    for name in ("a.png", "a.tif"):
        whole = read_image(tmp_path / name, dataclasses.replace(feature(16, 16, 1), levels=(0, 4080)))
        np.testing.assert_array_equal(whole[..., 0], expected)
        assert len(np.unique(read_image(tmp_path / name, feature(16, 16, 1)))) <= 17
        np.testing.assert_array_equal(measure_image(tmp_path / name), [16, 16, 1, 0, 4080])
    clipped = read_image(tmp_path / "a.png", dataclasses.replace(feature(16, 16, 1), levels=(1000, 2000)))
    assert (clipped[..., 0][levels <= 1000] == 0).all()
    assert (clipped[..., 0][levels >= 2000] == 255).all()
    Image.fromarray(np.linspace(-1, 1, 256).reshape(16, 16).astype(np.float32)).save(tmp_path / "f.tif")
    floats = read_image(tmp_path / "f.tif", dataclasses.replace(feature(16, 16, 1), levels=(-1.0, 1.0)))
    np.testing.assert_array_equal(floats.ravel(), np.arange(256))


@pytest.mark.parametrize(
    ("resize", "size", "seen"),
    [
        ("stretch", (4, 6), np.s_[:, :]),
        ("stretch", (2, 12), np.s_[:, :]),
        ("crop", (8, 12), np.s_[:, :]),
        ("crop", (4, 4), np.s_[:, 4:20]),
        ("crop", (4, 12), np.s_[4:12, :]),
    ],
)
def test_masks_of_resized_images_lie_where_they_lay(resize, size, seen, tmp_path):
    """Resized to the model's size and back, a mask of large blocks is what it was, wherever the model saw it."""
    Image.new("RGB", (24, 16)).save(tmp_path / "i.png")
    blocks = np.kron(np.arange(6).reshape(2, 3), np.ones((8, 8))).astype(np.uint8)
    Image.fromarray(blocks).save(tmp_path / "m.png")
    how = feature(*size, resize=resize)
    restored = restore_mask(read_mask(tmp_path / "i.png", tmp_path / "m.png", how), tmp_path / "i.png", how)
    expected = np.full((16, 24), IGNORE)
    expected[seen] = blocks[seen]
    np.testing.assert_array_equal(restored, expected)


def test_a_mask_of_a_sideways_photograph_is_upright(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", (24, 16)).save(tmp_path / "i.jpg", exif=exif)
    mask = np.arange(6, dtype=np.int8).reshape(3, 2)
    whole = restore_mask(mask, tmp_path / "i.jpg", feature(3, 2))
    np.testing.assert_array_equal(whole, np.kron(mask, np.ones((8, 8))))


@pytest.mark.parametrize(("bits", "dark"), [(12, True), (16, False)])
def test_colours_of_sixteen_bits_that_use_twelve_are_said(bits, dark, tmp_path, said):
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = np.full((3, 4, 3), 2**bits - 1, ">u2")
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 3, 16, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b""))
    images._say_dark.cache_clear()
    for _ in range(2):
        np.testing.assert_array_equal(read_image(tmp_path / "a.png", feature(3, 4)), (2**bits - 1) >> 8)
    assert said().count("of colours of 16 bits") == dark
