"""CIFAR-10 from its official archive to TFDS's own `cifar10/3.0.2` layout, without TensorFlow."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from jaxflow.data.tfds.download import download

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
MAX_BYTES = 200_000_000  # the archive has 170 MB
RECORD = 1 + 3 * 32 * 32  # bytes: the label, then the red, green and blue planes


class Cifar10(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # the catalogue has one of this name
    """CIFAR-10 (Krizhevsky 2009): 60,000 colour images, 32x32, in 10 classes.

    The catalogue's own builder extracts and encodes with TensorFlow; this one reads the archive itself and hands over
    PNG bytes, and writes the same examples under the same name and version.
    """

    VERSION = tfds.core.Version("3.0.2")

    def __init__(self, *, archive: Path | None = None, **kwargs):
        self._archive = archive
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="60,000 colour images, 32x32, in 10 classes.",
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "image": tfds.features.Image(shape=(32, 32, 3)),
                    "label": tfds.features.ClassLabel(num_classes=10),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        )

    def _split_generators(self, dl_manager) -> dict[str, Iterator]:
        files = _read_archive(self._archive)
        names = files["batches.meta.txt"].decode().split()
        self.info.features["label"].names = names
        train = b"".join(files[f"data_batch_{i}.bin"] for i in range(1, 6))
        return {"train": _examples("train", train), "test": _examples("test", files["test_batch.bin"])}

    def _generate_examples(self):
        raise AssertionError("the split generators are complete")


def prepare(root: Path, url: str = URL, sha256: str = SHA256) -> None:
    """Downloads, checks and prepares CIFAR-10 as `root/cifar10/3.0.2`.

    Args:
      root: a TFDS data directory.
      url: the official archive, or a mirror of it.
      sha256: the archive's digest.

    Raises:
      ConnectionError: the archive could not be fetched; what came so far is kept and used by the next try.
      UserError: the archive is not the expected one.
    """
    archive = download(url, root / "downloads" / "cifar-10-binary.tar.gz", sha256, MAX_BYTES)
    builder = Cifar10(data_dir=str(root), file_format="array_record", archive=archive)
    # TFDS writes into a folder of another name and renames it when all is there.
    builder.download_and_prepare(download_dir=str(root / "downloads"))


def _read_archive(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as archive:
        return {Path(m.name).name: archive.extractfile(m).read() for m in archive.getmembers() if m.isfile()}


def _examples(split: str, records: bytes) -> Iterator[tuple[int, dict]]:
    rows = np.frombuffer(records, np.uint8).reshape(-1, RECORD)
    for index, row in enumerate(rows):
        image = row[1:].reshape(3, 32, 32).transpose(1, 2, 0)  # (channel, height, width) -> (height, width, channel)
        png = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(image)).save(png, "PNG")
        png.seek(0)
        # The key is the running index, as in the catalogue's builder, so TFDS's shuffle gives the same order.
        yield index, {"id": f"{split}_{index:05d}", "image": png, "label": int(row[0])}
