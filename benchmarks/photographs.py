"""Photographs to read: JPEG files that look like some, in a folder and as a TFDS dataset, made once."""

import io
import shutil
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from jaxflow.data.storage.cache import cache_folder

HEIGHT, WIDTH = 375, 500
COUNT = 640


def photograph(number: int) -> bytes:
    """Makes a JPEG about as large and as smooth as a photograph: amplitudes fall as frequency rises.

    Args:
      number: which; decides all of it.

    Returns:
      The file's content, HEIGHT x WIDTH pixels.

    Source: D. J. Field, Relations between the statistics of natural images and the response properties of cortical
    cells, Journal of the Optical Society of America A 4, 1987.
    """
    generator = np.random.RandomState(number)
    rows, columns = np.fft.fftfreq(HEIGHT)[:, None], np.fft.rfftfreq(WIDTH)[None]
    falling = np.maximum(np.hypot(rows, columns), 1 / WIDTH) ** -1.5
    noise = np.fft.rfft2(generator.randn(3, HEIGHT, WIDTH)) * falling
    planes = np.fft.irfft2(noise, (HEIGHT, WIDTH))  # (plane, height, width)
    grey = planes[0] / planes[0].std()
    colours = grey + 0.3 * planes / planes.std()  # the channels of photographs go together
    pixels = np.clip(128 + 55 * colours, 0, 255).astype(np.uint8).transpose(1, 2, 0)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=75)
    return file.getvalue()


class Photographs(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """The same files as a TFDS dataset."""

    VERSION = tfds.core.Version("1.0.0")
    folder: Path
    """Where the files are."""

    def _info(self) -> tfds.core.DatasetInfo:
        features = {"image": tfds.features.Image(), "label": tfds.features.ClassLabel(names=["even", "odd"])}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features), supervised_keys=("image", "label")
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict:
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for path in sorted(self.folder.rglob("*.jpg")):
            yield path.name, {"image": path, "label": path.parent.name}


def photographs(count: int = COUNT) -> Path:
    """Names a folder with `jpeg/even`, `jpeg/odd` and `tfds`, and makes it where it is missing (a minute)."""
    folder = cache_folder() / f"photographs-{count}"
    if not (folder / "complete").exists():
        print(f"making {count} photographs in {folder}")
        shutil.rmtree(folder, ignore_errors=True)
        for number in range(count):
            path = folder / "jpeg" / ("even", "odd")[number % 2] / f"{number:05d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(photograph(number))
        Photographs.folder = folder / "jpeg"
        Photographs(data_dir=str(folder / "tfds"), file_format="array_record").download_and_prepare()
        (folder / "complete").write_text("")
    return folder
