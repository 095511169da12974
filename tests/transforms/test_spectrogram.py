import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

import jaxflow
from jaxflow import LogMel, UserError
from jaxflow.data.dataset import ArraySplit
from jaxflow.schema import Feature
from jaxflow.transforms import preprocess
from jaxflow.transforms.spectrogram import mel_filters, power_spectra

NOISE = (0.1 * np.random.RandomState(0).randn(3, 4000)).astype(np.float32)


def fit(transforms, waves=NOISE, rate=8000, kind="audio"):
    split = ArraySplit(waves, np.zeros(len(waves), np.int32), [str(i) for i in range(len(waves))])
    return preprocess.fit(transforms, split, Feature(kind, waves.shape[1:], "float32", sample_rate=rate))


@pytest.mark.parametrize(("window", "hop", "size"), [(200, 80, 256), (256, 64, 256), (161, 33, 300)])
def test_energies_are_scipys(window, hop, size):
    energies = np.asarray(power_spectra(jnp.asarray(NOISE), window, hop, size))
    transform = scipy.signal.ShortTimeFFT(scipy.signal.get_window("hann", window), hop, fs=1, mfft=size)
    # A frame of SciPy's is centred on sample window // 2 of its window, of ours on sample size // 2 of the padded one.
    late = window // 2 - (size // 2 - (size - window) // 2)
    moved = np.pad(NOISE.astype(np.float64), ((0, 0), (max(-late, 0), window)))[:, max(late, 0) :]
    expected = np.abs(transform.stft(moved, p0=0, p1=1 + 4000 // hop)) ** 2  # (batch, frequency, frame)
    assert energies.shape == (3, 1 + 4000 // hop, 1 + size // 2)
    np.testing.assert_allclose(energies, expected.swapaxes(1, 2), rtol=1e-4, atol=1e-6 * expected.max())


# Of librosa 0.11's filters.mel(sr=8000, n_fft=256, n_mels=40): frequency, band, weight.
LIBROSA = [
    (2, 0, 0.015861318782222602), (30, 16, 0.0068524694218532745), (31, 17, 0.0), (64, 29, 0.0019402764007014873),
    (100, 36, 0.004339614541306472), (127, 39, 0.0006132493201229835), (121, 39, 0.004292745240860885),
]  # fmt: skip


def test_filters_are_librosas():
    filters = mel_filters(8000, 256, 40)
    assert filters.shape == (129, 40)
    for frequency, band, weight in LIBROSA:
        assert filters[frequency, band] == pytest.approx(weight, rel=1e-12, abs=1e-15)
    assert filters.sum() == pytest.approx(1.2792624321036694, rel=1e-12)
    # Each is a triangle whose area over frequency is one.
    fine = mel_filters(16_000, 1 << 16, 30)
    np.testing.assert_allclose(fine.sum(0) * 16_000 / (1 << 16), 1, rtol=1e-3)


def test_log_mels_are_those_of_scipys_energies():
    transform = LogMel(mels=30, window=0.032, hop=0.016, offset=1e-5)
    (fitted,) = fit([transform])
    assert json.loads(json.dumps(fitted)) == {"rate": 8000}
    ours = np.asarray(jax.jit(lambda waves: transform(fitted, waves))(NOISE))
    assert ours.shape == (3, 1 + 4000 // 128, 30, 1)
    assert ours.dtype == np.float32
    stft = scipy.signal.ShortTimeFFT(scipy.signal.get_window("hann", 256), 128, fs=8000, mfft=256)
    energies = np.abs(stft.stft(NOISE.astype(np.float64), p0=0, p1=32)) ** 2
    mels = np.einsum("bft,fm->btm", energies, mel_filters(8000, 256, 30))
    np.testing.assert_allclose(np.exp(ours[..., 0].astype(np.float64)) - 1e-5, mels, rtol=1e-4)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
def test_a_tone_is_in_its_band(rate):
    tone = np.sin(2 * np.pi * 1000 * np.arange(rate) / rate)[None].astype(np.float32)
    transform = LogMel(mels=40)
    mels = np.asarray(transform({"rate": rate}, tone))[0, 10:-10, :, 0]
    window = round(rate * 0.025)
    filters = mel_filters(rate, 1 << (window - 1).bit_length(), 40)
    nearest = np.abs(np.linspace(0, rate / 2, len(filters)) - 1000).argmin()
    assert set(mels.argmax(1)) == {filters[nearest].argmax()}


def test_silence_is_the_offset():
    mels = LogMel(offset=1e-3)({"rate": 8000}, np.zeros((2, 800), np.float32))
    np.testing.assert_allclose(mels, np.log(1e-3), rtol=1e-6)


def test_standardized_log_mels():
    transforms = (LogMel(), jaxflow.Standardize())
    fitted = fit(transforms)
    outputs = np.asarray(preprocess.apply(transforms, fitted, NOISE))
    assert outputs.shape == (3, 51, 40, 1)
    assert outputs.mean() == pytest.approx(0, abs=1e-4)
    assert outputs.std() == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize(
    ("transforms", "settings", "message"),
    [
        ((LogMel(),), {"kind": "vector"}, r"LogMel takes waveforms, and gets vector inputs of shape \(4000\)"),
        ((LogMel(), LogMel()), {}, r"gets audio inputs of shape \(51, 40, 1\)"),
        ((LogMel(hop=1e-5),), {}, "LogMel.hop is 1e-05 seconds, less than a sample at 8000 Hz"),
        ((LogMel(mels=200),), {}, r"200 samples \(0.025 s at 8000 Hz\) tell apart; use fewer than 200 mels"),
    ],
)
def test_what_makes_no_spectrogram_is_refused(transforms, settings, message):
    with pytest.raises(UserError, match=message):
        fit(transforms, **settings)


@pytest.mark.parametrize("name", ["mels", "window", "hop", "offset"])
def test_sizes_are_more_than_nothing(name):
    with pytest.raises(UserError, match=f"LogMel.{name} is 0; it must be (more than 0|1 or more)"):
        LogMel(**{name: 0})
