"""Hostile files of every kind that jaxflow reads: small on disk, large or poisonous when they are believed.

Each maker writes one below a folder and returns its path. `planted(folder)` is a file that appears if anything of them
is executed.
"""

import gzip
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

HUGE = 10**13
# Names that a folder may have, and a class, a column or a cell then has.
NAMES = (
    "\x1b[2J\x1b]0;owned\x07<script>alert(1)<script>",
    "=HYPERLINK(0)\rsecond row",
    "$\\frac{x$ <img src=x onerror=alert(1)>",
    "a\nerror: all is well\u202e",
)


def planted(folder: Path) -> Path:
    return folder / "executed"


def _poison(trace: Path) -> bytes:
    """Returns what leaves a trace where it is unpickled: os.system("touch TRACE")."""
    return f"cos\nsystem\n(S'touch {trace}'\ntR.".encode()


def _npy(shape: object, dtype: object = "<f4", content: bytes = bytes(64), version: bytes = b"\x01\x00") -> bytes:
    header = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + content


def _volume(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _zip(folder: Path, name: str, members: dict[str, bytes], lie: int | None = None) -> Path:
    """Writes an archive; `lie` is the size that the first member is said to have."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    content = bytearray(file.getvalue())
    if lie is not None:
        for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
            struct.pack_into("<I", content, content.index(signature) + offset, lie)
    return _volume(folder, name, bytes(content))


def _nifti(shape: tuple[int, ...], extra: bytes = bytes(64), **fields: float) -> bytes:
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.float64)
    block = bytearray(header.binaryblock)
    struct.pack_into("<8h", block, 40, len(shape), *shape, *[1] * (7 - len(shape)))
    struct.pack_into("<f", block, 108, fields.get("vox_offset", 352))
    struct.pack_into("<f", block, 112, fields.get("slope", 1))
    block[344:348] = b"n+1\0"
    return bytes(block) + bytes(4) + extra


def _png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def _tiff(width: int, height: int) -> bytes:
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, 0xFFFFFFF0)]
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + directory + bytes(4)


def _wav(channels: int, frames_claimed: int, frames: int = 100) -> bytes:
    size, claimed = frames * channels * 2, frames_claimed * channels * 2
    head = struct.pack(
        "<4sI4s4sIHHIIHH",
        b"RIFF",
        0xFFFFFFFF & (36 + claimed),
        b"WAVE",
        b"fmt ",
        16,
        1,
        channels,
        16000,
        16000 * channels * 2 & 0xFFFFFFFF,
        channels * 2 & 0xFFFF,
        16,
    )
    return head + struct.pack("<4sI", b"data", claimed & 0xFFFFFFFF) + bytes(size)


def _flac(folder: Path) -> Path:
    """A FLAC file whose header claims 2^36 - 1 samples."""
    path = folder / "claims.flac"
    soundfile.write(path, np.zeros(2000, np.float32), 16000)
    content = bytearray(path.read_bytes())
    content[21] |= 0x0F
    content[22:26] = b"\xff" * 4
    path.write_bytes(content)
    return path


def _pickled(folder: Path, name: str) -> Path:
    content = _npy((1,), "|O", _poison(planted(folder.parent)))
    if name.endswith(".npz"):
        return _zip(folder, name, {"arr_0.npy": content})
    return _volume(folder, name, content)


def _bare_pickle(folder: Path) -> Path:
    return _volume(folder, "bare.npy", _poison(planted(folder.parent)))


# A volume, an image or a clip each: what one of many files of a folder may be.
SINGLE: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "npy that claims 10^13 rows": ("volume", lambda f: _volume(f, "a.npy", _npy((HUGE, 4, 4)))),
    "npy whose size overflows": ("volume", lambda f: _volume(f, "b.npy", _npy((2**40, 2**40, 2**40)))),
    "npy with rows of nothing": ("volume", lambda f: _volume(f, "c.npy", _npy((HUGE, 4, 4), "<U0"))),
    "npy with a negative shape": ("volume", lambda f: _volume(f, "d.npy", _npy((-4, 4, -4)))),
    "npy with nested brackets": ("volume", lambda f: _volume(f, "e.npy", _npy("(" * 5000, "<f4"))),
    "npy whose dtype is enormous": (
        "volume",
        lambda f: _volume(f, "g.npy", _npy((1,), [("x", "<f4", (2**31, 2**20))])),
    ),
    "npy of pickled objects": ("volume", lambda f: _pickled(f, "h.npy")),
    "npz of pickled objects": ("volume", lambda f: _pickled(f, "i.npz")),
    "pickle named npy": ("volume", _bare_pickle),
    "npz that claims 10^13 rows": ("volume", lambda f: _zip(f, "j.npz", {"x.npy": _npy((HUGE, 4, 4))})),
    "npz whose member lies": ("volume", lambda f: _zip(f, "k.npz", {"x.npy": _npy((2**28, 4))}, lie=0xFFFFFFF0)),
    "npz of zeros": ("volume", lambda f: _zip(f, "l.npz", {"x.npy": _npy((2**25, 1, 1), "<f4", bytes(2**27))})),
    "npz with a way out": ("volume", lambda f: _zip(f, "m.npz", {"../../out.npy": b"x", "/tmp/out.npy": b"y"})),
    "nifti of 30000^3": ("volume", lambda f: _volume(f, "n.nii", _nifti((30000,) * 3))),
    "nifti.gz of 30000^3": ("volume", lambda f: _volume(f, "o.nii.gz", gzip.compress(_nifti((30000,) * 3)))),
    "nifti.gz of zeros": (
        "volume",
        lambda f: _volume(f, "p.nii.gz", gzip.compress(_nifti((512, 512, 256), bytes(2**26)))),
    ),
    "nifti that begins beyond": ("volume", lambda f: _volume(f, "q.nii", _nifti((4, 4, 4), vox_offset=1e30))),
    "nifti of negative size": ("volume", lambda f: _volume(f, "r.nii", _nifti((-5, 4, 4)))),
    "png of 10^10 pixels": ("image", lambda f: _volume(f, "a.png", _png(100_000, 100_000))),
    "png with a text of zeros": (
        "image",
        lambda f: _volume(f, "b.png", _png(8, 8, (b"zTXt", b"k\0\0" + zlib.compress(bytes(2**27))))),
    ),
    "tiff of 4 GB strips": ("image", lambda f: _volume(f, "c.tif", _tiff(65_000, 65_000))),
    "gif of 65535^2": ("image", lambda f: _volume(f, "d.gif", b"GIF89a" + b"\xff" * 4 + b"\0\0\0,")),
    "postscript named jpg": (
        "image",
        lambda f: _volume(f, "e.jpg", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n"),
    ),
    "wav that claims 37 hours": ("audio", lambda f: _volume(f, "a.wav", _wav(1, 2**31))),
    "wav of 65535 channels": ("audio", lambda f: _volume(f, "b.wav", _wav(65535, 2**20, 1))),
    "flac that claims 49 days": ("audio", _flac),
}


def _text(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, newline="")
    return path


def _long_line(folder: Path, name: str, begin: str) -> Path:
    """Writes a line of 2 GB that takes no room on disk."""
    path = folder / name
    with path.open("wb") as file:
        file.write(begin.encode())
        file.truncate(2**31)
    return path


def _repeated_text(folder: Path) -> Path:
    """A megabyte of text, a million times: 50 KB on disk and a terabyte in memory."""
    path = folder / "repeated.parquet"
    coded = pa.DictionaryArray.from_arrays(pa.array(np.zeros(1_000_000, np.int32)), ["x" * (1 << 20)])
    pq.write_table(pa.table({"x": coded, "y": np.arange(1_000_000) % 2}), path, store_schema=False)
    return path


def _claimed_rows(folder: Path) -> Path:
    """A row of two bytes, 2^25 times: 220 KB on disk."""
    path = folder / "rows.parquet"
    pq.write_table(pa.table({"x": np.zeros(2**25, np.int8), "y": np.zeros(2**25, np.int8)}), path)
    return path


# Whole datasets, by what reads them.
WHOLE: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "csv of one line of 2 GB": ("table", lambda f: _long_line(f, "line.csv", "x,y")),
    "csv with a cell of 2 GB": ("table", lambda f: _long_line(f, "cell.csv", 'x,y\n1,"')),
    "csv of 200,000 columns": ("table", lambda f: _text(f, "wide.csv", "," * 200_000 + "\n")),
    "csv with NUL and escapes": ("table", lambda f: _text(f, "nul.csv", f"{NAMES[0]},y\n\0,1\nx\x1b[31m,2\n")),
    "csv of numbers beyond all": ("table", lambda f: _text(f, "big.csv", "x,y\n" + f"{'9' * 10**6},1e999999999\n" * 3)),
    "parquet of a text a million times": ("table", _repeated_text),
    "parquet of many rows": ("table", _claimed_rows),
    "jsonl of 100,000 brackets": ("text", lambda f: _text(f, "deep.jsonl", "[" * 100_000 + "\n")),
    "jsonl of one line of 2 GB": ("text", lambda f: _long_line(f, "line.jsonl", '{"text": "')),
    "csv of texts with a cell of 2 GB": ("text", lambda f: _long_line(f, "texts.csv", 'text,label\n"')),
}


def tfds(folder: Path) -> Path:
    """A prepared dataset whose features are of a class in a module beside it."""
    prepared = folder / "cifar10" / "3.0.2"
    prepared.mkdir(parents=True)
    (prepared / "dataset_info.json").write_text('{"name": "cifar10", "fileFormat": "array_record", "splits": []}')
    (prepared / "features.json").write_text(
        json.dumps({"pythonClassName": "evil_features.Feature", "featuresDict": {}})
    )
    return folder
