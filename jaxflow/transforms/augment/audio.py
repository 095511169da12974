"""Augmentations of raw waveforms, and of spectrograms after preprocessing."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from jaxflow.errors import UserError
from jaxflow.interfaces import Batch
from jaxflow.ranges import Finite, Fraction, Whole, check_ranges


@dataclass(frozen=True)
class TimeShift:
    """Shifts each waveform in time at random, earlier or later; the gap is filled with silence."""

    raw: ClassVar[bool] = True

    max_fraction: Fraction = 0.1
    """Largest shift to either side, as a fraction of the length."""

    __post_init__ = check_ranges

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Shifts (batch, samples) inputs."""
        waves = batch["inputs"]
        size, samples = waves.shape
        largest = jnp.round(self.max_fraction * samples).astype(jnp.int32)
        shifts = jax.random.randint(key, (size, 1), 0, 2 * largest + 1) - largest
        sources = jnp.arange(samples)[None] + shifts  # (batch, sample): the sample that is moved to each position
        shifted = jnp.take_along_axis(waves, sources.clip(0, samples - 1), axis=1)
        return batch | {"inputs": jnp.where((sources >= 0) & (sources < samples), shifted, 0)}


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

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Adds noise to (batch, samples) inputs; a silent clip is kept silent."""
        waves = batch["inputs"]
        ratio_key, noise_key = jax.random.split(key)
        decibels = jax.random.uniform(ratio_key, (len(waves), 1), waves.dtype, self.min_snr_db, self.max_snr_db)
        power = jnp.square(waves).mean(1, keepdims=True)
        noise = jax.random.normal(noise_key, waves.shape, waves.dtype)
        return batch | {"inputs": waves + jnp.sqrt(power) * 10 ** (-decibels / 20) * noise}


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

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Masks (batch, frames, frequencies, channel) inputs."""
        spectrograms = batch["inputs"]
        size, frames, frequencies, _ = spectrograms.shape
        time_key, frequency_key = jax.random.split(key)
        rows = _covered(time_key, size, frames, self.time_mask_width, self.time_masks)  # (batch, frame)
        columns = _covered(frequency_key, size, frequencies, self.freq_mask_width, self.freq_masks)
        masked = (rows[:, :, None] | columns[:, None, :])[..., None]  # (batch, frame, frequency, 1)
        return batch | {"inputs": jnp.where(masked, jnp.asarray(self.value, spectrograms.dtype), spectrograms)}


def _covered(key: jax.Array, size: int, length: int, most: int, masks: int) -> jax.Array:
    """Returns which of `length` positions lie under a mask of up to `most` of them, (size, length) bool."""
    width_key, first_key = jax.random.split(key)
    widths = jax.random.randint(width_key, (size, masks, 1), 0, min(most, length) + 1)
    firsts = jax.random.randint(first_key, (size, masks, 1), 0, length - widths + 1)
    positions = jnp.arange(length)[None, None]
    return ((positions >= firsts) & (positions < firsts + widths)).any(1)
