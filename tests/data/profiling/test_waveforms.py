import numpy as np
import pytest

from jaxflow.data.profiling.waveforms import audio_statistics, decibels, spectrogram_images


def test_clips_are_measured_up_to_their_last_sound():
    tone = np.sin(2 * np.pi * np.arange(400) / 8) * 0.5
    waves = np.zeros((3, 1000), np.float32)
    waves[0, 100:500] = tone
    waves[1] = 1.0
    measured = audio_statistics(waves, rate=1000)
    np.testing.assert_allclose(measured["seconds"], [0.5, 1, 0], atol=2e-3)  # a tone ends near 0
    np.testing.assert_allclose(measured["peak"], [0.5, 1, 0])
    np.testing.assert_allclose(measured["rms"], [0.5 / 2**0.5 * 0.8**0.5, 1, 0], rtol=2e-3)
    np.testing.assert_allclose(measured["clipped"], [0, 1, 0])


def test_decibels_of_full_scale():
    np.testing.assert_allclose(decibels(np.array([1.0, 0.1, 0.0])), [0, -20, -120])


@pytest.mark.parametrize("samples", [100, 1000])
def test_a_tone_is_a_line_at_its_height(samples):
    tone = np.sin(2 * np.pi * 32 / 256 * np.arange(samples), dtype=np.float32)
    loud, quiet, silent = spectrogram_images(np.stack([tone, 0.01 * tone, 0 * tone]))
    assert loud.shape == (129, -(-samples // 64), 1)
    assert loud.max() == 1
    assert loud[:, 0].argmax() in (95, 96, 97)  # of 129, the 32nd from below
    np.testing.assert_allclose(quiet, loud, atol=1e-5)
    np.testing.assert_array_equal(silent, 0)
