"""Pictures and sounds as data URLs, which a page holds inside."""

import base64
import io
import wave

import numpy as np
from PIL import Image

# Pixels of a side at most: a page shows pictures beside each other.
MAX_SIDE = 240
# Smaller pictures are enlarged by whole factors, so that a browser does not blur their pixels.
_MIN_SIDE = 64
# Of a sound, at most.
MAX_SECONDS = 4.0


def picture_url(image: np.ndarray, max_side: int = MAX_SIDE) -> str:
    """Returns an image as a data URL.

    Args:
      image: (height, width, channel) uint8, or float from 0 to 1; one channel is grey.
      max_side: pixels of its longer side, at most.
    """
    if image.dtype != np.uint8:
        image = (np.clip(np.nan_to_num(image), 0, 1) * 255).round().astype(np.uint8)
    shown = Image.fromarray(image[..., :3] if image.shape[-1] >= 3 else image[..., 0])
    largest, made = max(shown.size), io.BytesIO()
    if largest < _MIN_SIDE:
        factor = -(-_MIN_SIDE // largest)
        shown.resize((shown.width * factor, shown.height * factor), Image.Resampling.NEAREST).save(made, "PNG")
        return _url("image/png", made.getvalue())
    shown.thumbnail((max_side, max_side))
    shown.save(made, "WEBP", quality=82)
    return _url("image/webp", made.getvalue())


def sound_url(samples: np.ndarray, rate: int) -> str:
    """Returns a sound as a data URL.

    Args:
      samples: (samples,) float from -1 to 1; the first MAX_SECONDS of them are heard.
      rate: samples a second.
    """
    heard = samples[: int(MAX_SECONDS * rate)]
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(heard, -1, 1) * 32767).round().astype("<i2").tobytes())
    return _url("audio/wav", made.getvalue())


def _url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
