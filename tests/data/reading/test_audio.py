"""Audio files of every rate, length and format, whole and damaged."""

import sys
import warnings

import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from jaxflow import UserError
from jaxflow.data.reading.audio import measure_audio, read_audio
from jaxflow.data.reading.formats import KINDS, read_files
from jaxflow.schema import Feature

NOISE = 0.1 * np.random.RandomState(0).randn(20_000, 2)


def feature(samples, rate=8000):
    return Feature("audio", (samples,), "float32", sample_rate=rate)


def write(path, waves, rate=8000, subtype=None):
    soundfile.write(path, waves, rate, subtype=subtype)
    return path


FORMATS = [
    ("a.wav", "PCM_16", 2**-15), ("a.wav", "PCM_U8", 2**-7), ("a.WAV", "PCM_24", 2**-23), ("a.wav", "FLOAT", 1e-8),
    ("a.flac", "PCM_16", 2**-15), ("ä b.flac", "PCM_24", 2**-23),
]  # fmt: skip


@pytest.mark.parametrize(("name", "subtype", "precision"), FORMATS)
def test_every_format_gives_the_mean_of_its_channels(name, subtype, precision, tmp_path):
    path = write(tmp_path / name, NOISE, subtype=subtype)
    wave = read_audio(path, feature(20_000))
    assert wave.dtype == np.float32
    np.testing.assert_allclose(wave, NOISE.mean(1), atol=precision)
    assert name.lower().endswith(KINDS["audio"].suffixes)


def test_ogg_is_read_too(tmp_path):
    time_ = np.arange(20_000) / 8000
    tone = 0.5 * np.sin(2 * np.pi * 440 * time_)
    wave = read_audio(write(tmp_path / "a.ogg", tone), feature(20_000))
    np.testing.assert_allclose(wave, tone, atol=0.05)  # it loses some


@pytest.mark.parametrize("rate", [4000, 11_025, 16_000, 44_100, 7919])
def test_a_tone_of_another_rate_stays_the_same_tone(rate, tmp_path):
    def tone(rate):
        return 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)

    wave = read_audio(write(tmp_path / "a.wav", tone(rate), rate, "FLOAT"), feature(8000))
    np.testing.assert_allclose(wave[200:-200], tone(8000)[200:-200], atol=2e-3)  # silence begins at the edges


@pytest.mark.parametrize("rate", [8000, 5000, 22_050, 48_000])
def test_the_beginning_of_a_long_file_is_that_of_the_whole(rate, tmp_path):
    path = write(tmp_path / "a.wav", NOISE[:, 0], rate, "FLOAT")
    whole = (
        NOISE[:, 0].astype(np.float32) if rate == 8000 else resample_poly(NOISE[:, 0].astype(np.float32), 8000, rate)
    )
    assert len(whole) > 3000
    np.testing.assert_allclose(read_audio(path, feature(3000)), whole[:3000], atol=1e-7)


def test_no_more_is_read_than_is_kept(tmp_path, monkeypatch):
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 16_000, 1, "PCM_16") as file:
        for _ in range(10):
            file.write(np.full(960_000, 0.25))
    asked, read = [], soundfile.SoundFile.read

    def spy(self, frames, *arguments, **settings):
        asked.append(frames)
        return read(self, frames, *arguments, **settings)

    monkeypatch.setattr(soundfile.SoundFile, "read", spy)
    np.testing.assert_allclose(read_audio(path, feature(8000))[100:], 0.25, rtol=1e-3)
    assert 16_000 <= asked[0] < 16_100


def test_silence_comes_after_a_short_file(tmp_path):
    wave = read_audio(write(tmp_path / "a.wav", NOISE[:500, 0], subtype="FLOAT"), feature(800))
    np.testing.assert_allclose(wave[:500], NOISE[:500, 0], atol=1e-7)
    np.testing.assert_array_equal(wave[500:], np.zeros(300))


def test_what_lies_beyond_full_scale_is_cut_off(tmp_path):
    wave = read_audio(write(tmp_path / "a.wav", np.array([0.5, 1.5, -2.0]), subtype="FLOAT"), feature(3))
    np.testing.assert_array_equal(wave, [0.5, 1, -1])


def half(path, share=0.5):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    return path


def with_value(value):
    waves = NOISE.copy()
    waves[100:103, 1] = value
    return waves


def text(path):
    path.write_text("this is no audio\n" * 50)
    return path


def empty(path):
    path.write_bytes(b"")
    return path


def of_rate(path, rate):
    """Writes another rate into the header of a WAV file."""
    whole = bytearray(write(path, NOISE).read_bytes())
    whole[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(whole)
    return path


LONG = np.tile(NOISE, (20, 1))
DAMAGED = {
    "empty": (lambda folder: empty(folder / "a.wav"), "it is empty"),
    "text": (lambda folder: text(folder / "a.wav"), "Format not recognised"),
    "no samples": (lambda folder: write(folder / "a.wav", NOISE[:0]), "it holds no samples"),
    "no samples, ogg": (lambda folder: write(folder / "a.ogg", NOISE[:0]), "it holds no samples"),
    "half a wav": (lambda folder: half(write(folder / "a.wav", NOISE)), "cut off: 39,978 bytes .* should be 80,000"),
    "a header": (lambda folder: half(write(folder / "a.wav", NOISE), 0.0004), "No 'data' chunk"),
    "half a flac": (lambda folder: half(write(folder / "a.flac", NOISE)), "flac decoder lost sync"),
    "half an ogg": (lambda folder: half(write(folder / "a.ogg", LONG)), "its last page is not the end"),
    "nan": (lambda folder: write(folder / "a.wav", with_value(np.nan), subtype="FLOAT"), "3 of its samples are no fin"),
    "inf": (lambda folder: write(folder / "a.wav", with_value(-np.inf), subtype="DOUBLE"), "3 of its samples are no f"),
    "too large": (lambda folder: write(folder / "a.wav", with_value(1e300), subtype="DOUBLE"), "3 of its samples are"),
    "other units": (lambda folder: write(folder / "a.wav", 2e4 * NOISE, subtype="FLOAT"), "full scale is 1; divide"),
    "rate of 0": (lambda folder: of_rate(folder / "a.wav", 1), "it has 1 samples a second; it takes 1,000 to 768,000"),
    "huge rate": (lambda folder: of_rate(folder / "a.wav", 2**31 - 1), "it has 2147483647 samples a second"),
    "not there": (lambda folder: folder / "a.wav", "No such file"),
    "a folder": (lambda folder: folder, "Is a directory"),
    "headerless": (lambda folder: text(folder / "a.raw"), "samplerate must be specified"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_named_and_said_why(name, tmp_path):
    make, message = DAMAGED[name]
    path = make(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserError, match=f"cannot be read as audio: .*{message}") as error:
            read_audio(path, feature(20_000))
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_a_stream_whose_length_nobody_knew_is_whole(tmp_path):
    path = write(tmp_path / "a.wav", NOISE[:, 0], subtype="PCM_16")
    whole = bytearray(path.read_bytes())
    whole[4:8] = whole[40:44] = b"\xff" * 4  # as a recorder writes that cannot go back
    path.write_bytes(whole)
    np.testing.assert_allclose(read_audio(path, feature(20_000)), NOISE[:, 0], atol=2**-15)


def test_many_files_are_read_in_order(tmp_path):
    paths = [write(tmp_path / f"{i}.wav", np.full(100, i / 64), subtype="FLOAT") for i in range(40)]
    text(paths[7])
    for i, wave in enumerate(read_files(paths, feature(100))):
        if i == 7:
            assert isinstance(wave, UserError)
        else:
            np.testing.assert_array_equal(wave, np.full(100, i / 64, np.float32))


def test_without_soundfile_one_line_says_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "a.wav", NOISE)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(UserError, match=r"read by soundfile .*: pip install -e '\.\[audio\]'"):
        read_audio(path, feature(100))


@pytest.mark.parametrize("suffix", [".mp3", ".aiff", ".au", ".caf", ".w64", ".opus", ".oga", ".aifc"])
def test_other_formats_of_libsndfile_are_read(suffix, tmp_path):
    rate = 48_000
    wave = np.sin(np.arange(rate) * 2 * np.pi * 440 / rate) / 2
    format_ = {".opus": "OGG", ".oga": "OGG", ".aifc": "AIFF"}.get(suffix)
    subtype = {".opus": "OPUS", ".oga": "VORBIS"}.get(suffix)
    soundfile.write(tmp_path / f"a{suffix}", wave, rate, subtype=subtype, format=format_)
    assert suffix in KINDS["audio"].suffixes
    read = read_audio(tmp_path / f"a{suffix}", Feature("audio", (rate,), "float32", sample_rate=rate))
    assert np.abs(read[:100_000]).max() == pytest.approx(0.5, abs=0.15)
    assert np.corrcoef(read[4800:-4800], wave[4800:-4800])[0, 1] > 0.9
    assert measure_audio(tmp_path / f"a{suffix}") == pytest.approx([1.0], abs=0.05)


@pytest.mark.parametrize(
    ("channels", "mixed"),
    [
        ((1, -1), 1.0),
        ((1, -0.9), 0.95),
        ((0.5, -1), 0.25),
        ((1, -1, 1, -1), 1.0),
        ((1, 1), 1.0),
        ((1, 0), 0.5),
        ((1, -0.2), 0.4),
        ((0, 0), 0.0),
    ],
)
def test_channels_of_opposite_phase_do_not_cancel(channels, mixed, tmp_path):
    wave = np.sin(np.arange(4000) / 20) / 2
    path = write(tmp_path / "a.wav", np.outer(wave, channels), subtype="FLOAT")
    read = read_audio(path, feature(4000))
    assert np.abs(read).max() == pytest.approx(mixed / 2, abs=2e-3)
    np.testing.assert_allclose(np.abs(read), np.abs(wave) * mixed, atol=2e-3)
