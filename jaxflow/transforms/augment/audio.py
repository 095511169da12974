"""Augmentations of waveforms, as they come, and of spectrograms, as preprocessing gives them."""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from jaxflow.errors import UserError
from jaxflow.transforms.augment import Batch


@dataclass(frozen=True)
class Shift:
    """Moves each waveform in time at random, earlier or later; silence comes in."""

    raw: ClassVar[bool] = True

    share: float = 0.1
    """Largest shift to either side, as a share of the length."""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise UserError(f"Shift.share is {self.share}; it is a share of the length, from 0 to 1")

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Shifts (batch, samples) inputs."""
        waves = batch["inputs"]
        size, samples = waves.shape
        most = round(self.share * samples)
        padded = jnp.pad(waves, ((0, 0), (most, most)))
        starts = jax.random.randint(key, (size,), 0, 2 * most + 1)
        shifted = jax.vmap(lambda wave, start: jax.lax.dynamic_slice(wave, (start,), (samples,)))(padded, starts)
        return batch | {"inputs": shifted}


@dataclass(frozen=True)
class WhiteNoise:
    """Adds white Gaussian noise to each waveform, at a signal-to-noise ratio drawn at random, evenly in decibels."""

    raw: ClassVar[bool] = True

    low: float = 10.0
    """Smallest ratio of the clip's mean power to the noise's, in decibels: the loudest noise."""
    high: float = 40.0
    """Largest ratio, in decibels: the quietest noise."""

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise UserError(f"WhiteNoise.low is {self.low} and high {self.high}; low is the smaller one")

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Adds noise to (batch, samples) inputs; a silent clip stays silent."""
        waves = batch["inputs"]
        ratio_key, noise_key = jax.random.split(key)
        decibels = jax.random.uniform(ratio_key, (len(waves), 1), waves.dtype, self.low, self.high)
        power = jnp.square(waves).mean(1, keepdims=True)
        noise = jax.random.normal(noise_key, waves.shape, waves.dtype)
        return batch | {"inputs": waves + jnp.sqrt(power) * 10 ** (-decibels / 20) * noise}


@dataclass(frozen=True)
class SpecAugment:
    """Masks bands of frequencies and runs of frames of each spectrogram; time is not warped.

    Source: D. S. Park et al., SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition,
    Interspeech 2019.
    """

    frequency: int = 8
    """Most frequencies under a mask; how many is drawn evenly from 0 on."""
    frequency_masks: int = 1
    """Masks over frequencies; they may overlap."""
    time: int = 20
    """Most frames under a mask; how many is drawn evenly from 0 on."""
    time_masks: int = 1
    """Masks over frames; they may overlap."""
    value: float = 0.0
    """What they are covered with, in the units that preprocessing gives; after Standardize() 0 is the mean."""

    def __post_init__(self) -> None:
        for name in ("frequency", "frequency_masks", "time", "time_masks"):
            if getattr(self, name) < 0:
                raise UserError(f"SpecAugment.{name} is {getattr(self, name)}; it must be 0 or more")

    def __call__(self, key: jax.Array, batch: Batch) -> Batch:
        """Masks (batch, frames, frequencies, channel) inputs."""
        spectrograms = batch["inputs"]
        size, frames, frequencies, _ = spectrograms.shape
        time_key, frequency_key = jax.random.split(key)
        rows = _covered(time_key, size, frames, self.time, self.time_masks)  # (batch, frame)
        columns = _covered(frequency_key, size, frequencies, self.frequency, self.frequency_masks)
        masked = (rows[:, :, None] | columns[:, None, :])[..., None]  # (batch, frame, frequency, 1)
        return batch | {"inputs": jnp.where(masked, jnp.asarray(self.value, spectrograms.dtype), spectrograms)}


def _covered(key: jax.Array, size: int, length: int, most: int, masks: int) -> jax.Array:
    """Says which of `length` places lie under a mask of up to `most` of them; (size, length) bool."""
    width_key, first_key = jax.random.split(key)
    widths = jax.random.randint(width_key, (size, masks, 1), 0, min(most, length) + 1)
    firsts = jax.random.randint(first_key, (size, masks, 1), 0, length - widths + 1)
    places = jnp.arange(length)
    return ((places >= firsts) & (places < firsts + widths)).any(1)
