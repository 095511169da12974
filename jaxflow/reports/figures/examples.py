"""An example as a picture and a sound."""

import numpy as np

from jaxflow.data.profiling.waveforms import spectrogram_images
from jaxflow.reports.figures.masks import display_images
from jaxflow.reports.media import picture_url, sound_url
from jaxflow.schema import Feature


def example_urls(inputs: np.ndarray, feature: Feature) -> tuple[str, str]:
    """Returns the picture and the sound of an example as data URLs; an image and a volume have no sound, "".

    Args:
      inputs: of the example, as its split has them.
      feature: what they are: an image, a volume or audio.
    """
    if feature.kind == "audio":
        rate = feature.sample_rate or 1  # which audio always has
        return picture_url(spectrogram_images(inputs[None])[0]), sound_url(inputs, rate)
    return picture_url(display_images(inputs[None])[0]), ""
