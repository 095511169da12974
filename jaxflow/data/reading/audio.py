"""Reads audio files as waveforms of one rate and length, the same way in training, evaluation and prediction."""

import functools
import logging
import math
import re
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from jaxflow.data.reading.limits import check_bytes
from jaxflow.errors import UserError
from jaxflow.schema import Feature

if TYPE_CHECKING:  # of the extra `audio`
    import soundfile

logger = logging.getLogger("jaxflow")

# What libsndfile reads by its content; headerless samples (.raw) say neither rate nor width.
SUFFIXES = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf")
SUFFIXES += (".w64", ".rf64", ".sph", ".nist", ".voc")
# What is measured of an audio file.
MEASURES = ("seconds",)
# The mean of channels is said to cancel where its power is this fraction of what channels that have nothing to do with
# each other would leave.
CANCELLED = 0.1
# Plausible samples per second; others come from damaged headers.
RATES = (1_000, 768_000)
# Floats reach a little beyond full scale, which is 1, where something was mixed or decoded. Beyond this they are in
# other units.
LOUDEST = 10.0
# How libsndfile logs a file that ends before its header says, and lengths that mean an unknown length.
ENDS_EARLY = re.compile(r"^\s*data : (\d+) \(should be (\d+)\)", re.MULTILINE)
UNKNOWN = 0x7FFFF000
# A page of Ogg has 65,307 bytes at most. The last of a stream has a mark.
OGG_PAGE, OGG_END = 65_307, 4


def load_soundfile() -> ModuleType:
    """Imports soundfile.

    Raises:
      UserError: it is not installed.
    """
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: the library that it wraps is missing
        raise UserError(f"audio files are read by soundfile ({error}): pip install -e '.[audio]'") from error
    return soundfile


def read_audio(path: Path, feature: Feature) -> np.ndarray:
    """Reads the beginning of an audio file: the mean of its channels, resampled, padded with silence.

    Of a longer file no more is read than `feature` takes. Channels of opposite phase, whose mean nobody would hear, are
    turned over first.

    Args:
      path: any file that libsndfile reads, WAV, FLAC, Ogg and MP3 among them, of any rate and number of channels.
      feature: (samples,), the shape of the waveform, and its rate.

    Returns:
      Its samples, (samples,) float32; full scale is -1 to 1, and what lies beyond is clipped.

    Raises:
      UserError: soundfile is not installed; or the file holds no audio, none that is finite, or ends too early.
    """
    soundfile = load_soundfile()
    (samples,) = feature.shape
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            if not RATES[0] <= rate <= RATES[1]:
                raise ValueError(f"it has {rate} samples a second; it takes {RATES[0]:,} to {RATES[1]:,}")
            _check_end(path, file)
            needed = _needed(samples, feature.sample_rate, rate)
            check_bytes(min(needed, file.frames) * file.channels * np.dtype(np.float32).itemsize)
            waves = file.read(needed, "float32", always_2d=True)  # (sample, channel)
            _check_samples(waves, min(needed, file.frames))
    except Exception as error:  # libsndfile's, of the header, of memory
        raise UserError(f"{path} cannot be read as audio: {_why(path, error)}") from error
    wave = _resampled(_mixed(waves), feature.sample_rate, rate)[:samples]
    return np.pad(np.clip(wave, -1, 1), (0, samples - len(wave)))


def measure_audio(path: Path) -> np.ndarray:
    """Measures an audio file by its header: (1,) float64 seconds.

    Raises:
      UserError: soundfile is not installed, or the file holds no audio.
    """
    soundfile = load_soundfile()
    try:
        with soundfile.SoundFile(path) as file:
            return np.array([file.frames / file.samplerate], np.float64)
    except Exception as error:  # as above
        raise UserError(f"{path} cannot be read as audio: {_why(path, error)}") from error


def _mixed(waves: np.ndarray) -> np.ndarray:
    """Mixes the channels of a clip, (samples, channels) -> (samples,): their mean, unless they cancel each other."""
    mean = waves.mean(1)
    power, expected = np.square(mean).mean(), np.square(waves).mean() / waves.shape[1]
    if waves.shape[1] == 1 or power >= CANCELLED * expected:
        return mean
    _say_turned()
    loudest = waves[:, np.square(waves).mean(0).argmax()]
    return (waves * np.where(waves.T @ loudest < 0, -1, 1).astype(np.float32)).mean(1)


@functools.cache  # once: there may be thousands
def _say_turned() -> None:
    logger.info("there are clips whose channels cancel each other; one channel is turned over before the mean is taken")


def _needed(samples: int, rate: int, file_rate: int) -> int:
    """Computes how many samples of the file decide the first `samples` of `rate`, those that the filter sees too."""
    up, down = _ratio(rate, file_rate)
    return -(-samples * down // up) + (10 * max(up, down) // up + 1 if rate != file_rate else 0)


def _resampled(wave: np.ndarray, rate: int, file_rate: int) -> np.ndarray:
    if rate == file_rate:
        return wave
    from scipy.signal import resample_poly

    return resample_poly(wave, *_ratio(rate, file_rate))


def _ratio(rate: int, file_rate: int) -> tuple[int, int]:
    common = math.gcd(rate, file_rate)
    return rate // common, file_rate // common


def _check_samples(waves: np.ndarray, expected: int) -> None:
    if expected == 0:
        raise ValueError("it holds no samples")
    if len(waves) < expected:
        raise ValueError(f"it is cut off: {len(waves):,} samples where there should be {expected:,}")
    bad = np.count_nonzero(~np.isfinite(waves))
    if bad:
        raise ValueError(f"{bad:,} of its samples are no finite numbers")
    peak = np.abs(waves).max()
    if peak > LOUDEST:
        raise ValueError(f"its samples reach {peak:.6g}, and full scale is 1; divide them, or save it as 16-bit PCM")


def _check_end(path: Path, file: "soundfile.SoundFile") -> None:
    """Raises ValueError for a file that ends before its header says, or in the middle of a stream."""
    early = ENDS_EARLY.search(file.extra_info)
    if early and int(early[1]) < UNKNOWN:
        raise ValueError(f"it is cut off: {int(early[2]):,} bytes of samples where there should be {int(early[1]):,}")
    if file.format == "OGG":
        with path.open("rb") as raw:
            raw.seek(max(path.stat().st_size - OGG_PAGE, 0))
            page = raw.read().rpartition(b"OggS")[2]
        if len(page) < 2 or not page[1] & OGG_END:  # a byte of version, one of flags
            raise ValueError("it is cut off: its last page is not the end of the stream")


def _why(path: Path, error: Exception) -> str:
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as denied:
        return str(denied.strerror)
    return "it is empty" if empty else str(getattr(error, "error_string", error)).rstrip(".")
