"""Augmentations of raw waveforms, and of spectrograms after preprocessing."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp

from jaxflow.errors import UserError
from jaxflow.ranges import MAX_INT, Finite, Fraction, NonNegative, Range, Whole, check_ranges
from jaxflow.schema import Example


@dataclass(frozen=True)
class TimeShift:
    """Shifts each waveform in time at random, earlier or later; the gap is filled with silence."""

    raw: ClassVar[bool] = True

    max_fraction: Fraction = 0.1
    """Largest shift to either side, as a fraction of the length."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, example: Example) -> Example:
        """Shifts (samples,) inputs."""
        wave = example["inputs"]
        (samples,) = wave.shape
        largest = jnp.round(self.max_fraction * samples).astype(jnp.int32)
        shift = jax.random.randint(key, (), 0, 2 * largest + 1) - largest
        sources = jnp.arange(samples) + shift  # (sample,): the one that is moved to each position
        shifted = wave[sources.clip(0, samples - 1)]
        return example | {"inputs": jnp.where((sources >= 0) & (sources < samples), shifted, 0)}


@dataclass(frozen=True)
class WhiteNoise:
    """Adds white Gaussian noise to each waveform, at a signal-to-noise ratio drawn uniformly in decibels."""

    raw: ClassVar[bool] = True

    min_snr_db: Finite = 10.0
    """Smallest ratio of the clip's mean power to the noise's, in decibels: the loudest noise."""
    max_snr_db: Finite = 40.0
    """Largest ratio, in decibels: the quietest noise."""

    def __post_init__(self) -> None:
        check_ranges(self)
        numbers = all(isinstance(value, int | float) for value in (self.min_snr_db, self.max_snr_db))
        if numbers and not self.min_snr_db <= self.max_snr_db:
            raise UserError(
                f"WhiteNoise.min_snr_db is {self.min_snr_db} and max_snr_db {self.max_snr_db}; the first must be the "
                "smaller one"
            )

    def __call__(self, key: jax.Array, example: Example) -> Example:
        """Adds noise to (samples,) inputs; a silent clip is kept silent."""
        wave = example["inputs"]
        ratio_key, noise_key = jax.random.split(key)
        decibels = jax.random.uniform(ratio_key, (), wave.dtype, self.min_snr_db, self.max_snr_db)
        noise = jax.random.normal(noise_key, wave.shape, wave.dtype)
        scale = jnp.sqrt(jnp.square(wave).mean()) * 10 ** (-decibels / 20)
        return example | {"inputs": wave + scale * noise}


@dataclass(frozen=True)
class SpeedChange:
    """Plays each waveform faster or slower: pitch, resonances and duration change together, as with another speaker.

    What grows beyond the clip's length is cut off, what shrinks is followed by silence.

    Source: T. Ko et al., Audio Augmentation for Speech Recognition, Interspeech 2015.
    """

    raw: ClassVar[bool] = True

    max_change: NonNegative = 0.1
    """Largest change: the speed is drawn from 1 / (1 + max_change) to 1 + max_change, evenly in its logarithm."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, example: Example) -> Example:
        """Resamples (samples,) inputs, linearly between neighbours."""
        wave = example["inputs"]
        speed = _factor(key, self.max_change)
        return example | {"inputs": _interpolated(wave, jnp.arange(len(wave)) * speed, beyond=0.0)}


@dataclass(frozen=True)
class FrequencyWarp:
    """Stretches the frequencies of each spectrogram from the lowest on: vocal tracts are of different lengths.

    Frequencies that are moved in from beyond the highest repeat it. On a mel axis below 1,000 Hz this multiplies them.

    Source: N. Jaitly and G. Hinton, Vocal Tract Length Perturbation (VTLP) improves speech recognition, ICML workshop
    on Deep Learning for Audio, Speech and Language, 2013.
    """

    max_change: NonNegative = 0.1
    """Largest change: the factor is drawn from 1 / (1 + max_change) to 1 + max_change, evenly in its logarithm."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, example: Example) -> Example:
        """Warps (frames, frequencies, channel) inputs, linearly between neighbours."""
        bands = example["inputs"].swapaxes(0, 1)  # (frequency, frame, channel)
        positions = jnp.arange(len(bands)) * _factor(key, self.max_change)
        return example | {"inputs": _interpolated(bands, positions).swapaxes(0, 1)}


@dataclass(frozen=True)
class RandomFilter:
    """Adds a random curve over frequencies to each log spectrogram, the same in all frames: microphones and rooms.

    Source: H. Nam, S.-H. Kim and Y.-H. Park, FilterAugment: An Acoustic Environmental Data Augmentation Method,
    ICASSP 2022; of its two forms the linear one.
    """

    max_gain: NonNegative = 0.5
    """Largest gain or loss, in the units after preprocessing; standard deviations after Standardize()."""
    points: Annotated[int, Range(2, MAX_INT)] = 5
    """Points of the curve, evenly spaced, whose gains are drawn uniformly; between them it is straight."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, example: Example) -> Example:
        """Filters (frames, frequencies, channel) inputs."""
        spectrogram = example["inputs"]
        bands = spectrogram.shape[1]
        gains = self.max_gain * jax.random.uniform(key, (self.points,), spectrogram.dtype, -1.0, 1.0)
        curve = _interpolated(gains, jnp.linspace(0, self.points - 1, bands))  # (frequency,)
        return example | {"inputs": spectrogram + curve[None, :, None]}


@dataclass(frozen=True)
class SpecAugment:
    """Masks bands of frequencies and runs of frames of each spectrogram; time is not warped.

    Source: D. S. Park et al., SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition,
    Interspeech 2019.
    """

    freq_mask_width: Whole = 8
    """Largest width of a mask in frequencies; drawn uniformly from 0 on."""
    freq_masks: Whole = 1
    """Number of frequency masks; they may overlap."""
    time_mask_width: Whole = 20
    """Largest width of a mask in frames; drawn uniformly from 0 on."""
    time_masks: Whole = 1
    """Number of time masks; they may overlap."""
    value: Finite = 0.0
    """Value under a mask, in the units after preprocessing; after Standardize() 0 is the mean."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, example: Example) -> Example:
        """Masks (frames, frequencies, channel) inputs."""
        spectrogram = example["inputs"]
        frames, frequencies, _ = spectrogram.shape
        time_key, frequency_key = jax.random.split(key)
        rows = _covered(time_key, frames, self.time_mask_width, self.time_masks)
        columns = _covered(frequency_key, frequencies, self.freq_mask_width, self.freq_masks)
        masked = (rows[:, None] | columns[None, :])[..., None]  # (frame, frequency, 1)
        return example | {"inputs": jnp.where(masked, jnp.asarray(self.value, spectrogram.dtype), spectrogram)}


def _covered(key: jax.Array, length: int, most: int, masks: int) -> jax.Array:
    """Returns which of `length` positions lie under a mask of up to `most` of them, (length,) bool."""
    width_key, first_key = jax.random.split(key)
    widths = jax.random.randint(width_key, (masks, 1), 0, min(most, length) + 1)
    firsts = jax.random.randint(first_key, (masks, 1), 0, length - widths + 1)
    positions = jnp.arange(length)[None]
    return ((positions >= firsts) & (positions < firsts + widths)).any(0)


def _factor(key: jax.Array, max_change: float) -> jax.Array:
    """Draws a factor from 1 / (1 + max_change) to 1 + max_change, evenly in its logarithm; () float32."""
    return jnp.exp(jax.random.uniform(key, (), minval=-1.0, maxval=1.0) * jnp.log1p(max_change))


def _interpolated(values: jax.Array, positions: jax.Array, beyond: float | None = None) -> jax.Array:
    """Reads an array between its places.

    Args:
      values: (places, ...).
      positions: (positions,) where to read, from 0 on.
      beyond: what lies after the last place; None repeats it.

    Returns:
      (positions, ...): linear between the two places around each position.
    """
    last = len(values) - 1
    inside = positions.clip(0, last)
    before = jnp.floor(inside).astype(jnp.int32)
    share = (inside - before).astype(values.dtype).reshape(-1, *[1] * (values.ndim - 1))
    read = values[before] + share * (values[jnp.minimum(before + 1, last)] - values[before])
    if beyond is None:
        return read
    within = (positions <= last).reshape(share.shape)
    return jnp.where(within, read, jnp.asarray(beyond, values.dtype))
