"""Audio statistics (duration, peak, RMS, clipping) and display spectrograms."""

import numpy as np

# Samples of a frame of a spectrogram, and from one frame to the next.
FRAME, HOP = 256, 64
# Decibels from white to black.
DEPTH = 80.0


def audio_statistics(waves: np.ndarray, rate: int) -> dict[str, np.ndarray]:
    """Computes statistics of each clip.

    Args:
      waves: (examples, samples) float.
      rate: samples per second.

    Returns:
      (examples,) values by name: "seconds" up to the last sample that is not 0, "peak" (largest absolute value of a
      sample), "rms" (root of the mean square over these seconds), "clipped" (fraction of their samples at full scale).
    """
    loudness = np.abs(waves)
    lengths = waves.shape[1] - (loudness[:, ::-1] > 0).argmax(1)
    lengths = np.where(loudness.any(1), lengths, 0)
    heard = np.maximum(lengths, 1)
    return {
        "seconds": lengths / rate,
        "peak": loudness.max(1),
        "rms": np.sqrt(np.einsum("es,es->e", waves, waves, dtype=np.float64) / heard),
        "clipped": (loudness > 0.999).sum(1) / heard,
    }


def decibels(amplitudes: np.ndarray) -> np.ndarray:
    """Converts amplitudes to decibels of full scale; silence is -120."""
    return 20 * np.log10(np.maximum(amplitudes, 1e-6))


def spectrogram_images(waves: np.ndarray) -> np.ndarray:
    """Computes grey images of clips, for people and simple models; what a model is trained on `LogMel` computes.

    Args:
      waves: (examples, samples) float.

    Returns:
      (examples, frequencies, frames, 1) float32 spectrograms, the highest frequency first: 1 is the loudest of the
      clip, and 0 lies DEPTH decibels below it.
    """
    from scipy.signal import ShortTimeFFT

    transform = ShortTimeFFT(np.hanning(FRAME), HOP, fs=1, scale_to="magnitude")
    samples = waves.shape[1]
    padded = np.pad(waves.astype(np.float32), ((0, 0), (0, max(FRAME - samples, 0))))
    spectra = transform.stft(padded, p0=0, p1=-(-samples // HOP))
    amplitudes = np.abs(spectra)  # (example, frequency, frame)
    loudest = np.maximum(amplitudes.max((1, 2), keepdims=True), 1e-20)  # a silent clip becomes black
    levels = np.clip(1 + decibels(amplitudes / loudest) / DEPTH, 0, 1)
    return levels.astype(np.float32)[:, ::-1, :, None]
