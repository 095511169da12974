"""Log-mel spectrograms of waveforms, as a transform: computed inside the step, on the device."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxflow.errors import UserError
from jaxflow.ranges import Count, Positive, check_ranges
from jaxflow.transforms.preprocess import Inputs

# Slaney's mel scale: linear up to 1,000 Hz, logarithmic above.
HERTZ_PER_MEL, STRAIGHT, STEP = 200 / 3, 1000.0, np.log(6.4) / 27


@dataclass(frozen=True)
class LogMel:
    """Converts waveforms to log-mel spectrograms: the logarithm of the energy in each band of frequencies and frame.

    Bands are triangles of equal area, evenly spaced on Slaney's mel scale from 0 Hz to half the sample rate. Frame t is
    centred on sample t * hop, and the clip is padded with silence. The values are those of
    log(offset + librosa.feature.melspectrogram(...)) with the same window and hop and n_fft the next power of two.

    Source: M. Slaney, Auditory Toolbox, Technical Report 1998-010, Interval Research, 1998.
    """

    mels: Count = 40
    """Number of bands."""
    window: Positive = 0.025
    """Length of a frame in seconds, under a Hann window."""
    hop: Positive = 0.01
    """Seconds from one frame to the next."""
    offset: Positive = 1e-6
    """Added to energies before the logarithm: quieter ones do not count."""

    __post_init__ = check_ranges

    def fit(self, inputs: Inputs) -> dict[str, int]:
        """Returns the sample rate of the audio: nothing depends on the samples.

        Raises:
          UserError: the inputs are no waveforms, or the window is too short for as many bands.
        """
        feature = inputs.feature
        if feature.kind != "audio" or feature.sample_rate is None or len(inputs.shape) != 2:
            shape = ", ".join(map(str, inputs.shape[1:]))
            raise UserError(f"LogMel takes waveforms, and gets {feature.kind} inputs of shape ({shape}); leave it out")
        window, hop, size = self._sizes(feature.sample_rate)
        if hop == 0:
            raise UserError(
                f"LogMel.hop is {self.hop} seconds, less than a sample at {feature.sample_rate} Hz; give more"
            )
        if not mel_filters(feature.sample_rate, size, self.mels).any(0).all():
            raise UserError(
                f"LogMel has bands between the frequencies that {window} samples ({self.window} s at "
                f"{feature.sample_rate} "
                f"Hz) tell apart; use fewer than {self.mels} mels, or a longer window"
            )
        return {"rate": feature.sample_rate}

    def __call__(self, fitted: dict[str, int], inputs: jax.Array) -> jax.Array:
        """Converts (batch, samples) waveforms to (batch, frames, mels, 1) float32; frames are 1 + samples // hop."""
        window, hop, size = self._sizes(fitted["rate"])
        energies = power_spectra(inputs.astype(jnp.float32), window, hop, size)  # (batch, frame, frequency)
        filters = jnp.asarray(mel_filters(fitted["rate"], size, self.mels), jnp.float32)
        mels = jnp.matmul(energies, filters, precision="highest")  # (batch, frame, mel)
        return jnp.log(mels + self.offset)[..., None]

    def _sizes(self, rate: int) -> tuple[int, int, int]:
        """Returns the samples of the window and of the hop, and the length of the Fourier transform."""
        window = max(round(rate * self.window), 1)
        return window, round(rate * self.hop), 1 << (window - 1).bit_length()


def power_spectra(waves: jax.Array, window: int, hop: int, size: int) -> jax.Array:
    """Computes the energy of each frequency in frames centred on every `hop`-th sample.

    Args:
      waves: (batch, samples) float32; they are padded with silence.
      window: samples of the periodic Hann window.
      hop: samples from one frame to the next.
      size: length of the Fourier transform, `window` or more.

    Returns:
      (batch, 1 + samples // hop, 1 + size // 2) float32 squared magnitudes.
    """
    # The window lies in the middle of `size` samples; those around it are zeros, and only turn phases.
    before = size // 2 - (size - window) // 2
    padded = jnp.pad(waves, ((0, 0), (before, window)))
    starts = np.arange(1 + waves.shape[1] // hop) * hop
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    frames = padded[:, starts[:, None] + np.arange(window)]  # (batch, frame, sample)
    frames *= lax.broadcast_to_rank(jnp.asarray(hann, jnp.float32), frames.ndim)
    # On CPU 2 to 5 times faster than a product with the matrix of the transform.
    spectra = jnp.fft.rfft(frames, size)
    return jnp.square(spectra.real) + jnp.square(spectra.imag)


def mel_filters(rate: int, size: int, mels: int) -> np.ndarray:
    """Returns triangular filters, evenly spaced in mel, whose areas over frequency are one.

    Args:
      rate: samples per second.
      size: length of the Fourier transform.
      mels: how many filters.

    Returns:
      (1 + size // 2, mels) float64 weights of the frequencies.
    """
    edges = _hertz(np.linspace(0, _mel(rate / 2), mels + 2))
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    frequencies = np.linspace(0, rate / 2, 1 + size // 2)[:, None]
    rising, falling = (frequencies - low) / (middle - low), (high - frequencies) / (high - middle)
    return np.maximum(np.minimum(rising, falling), 0) * 2 / (high - low)


def _mel(hertz: float) -> float:
    if hertz < STRAIGHT:
        return hertz / HERTZ_PER_MEL
    return STRAIGHT / HERTZ_PER_MEL + np.log(hertz / STRAIGHT) / STEP


def _hertz(mels: np.ndarray) -> np.ndarray:
    beyond = mels - STRAIGHT / HERTZ_PER_MEL
    return np.where(beyond < 0, mels * HERTZ_PER_MEL, STRAIGHT * np.exp(STEP * np.maximum(beyond, 0)))
