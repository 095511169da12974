"""Folders of audio files, in memory and on disk, split clip by clip and by speaker."""

import sys

import numpy as np
import pytest
import soundfile

from jaxflow import AudioFolder, HoldOut, KFold, UserError
from jaxflow.data.reading.audio import read_audio
from jaxflow.schema import Feature
from jaxflow.serialization import from_json, to_json
from tests.conftest import ROOT, assert_same_splits

HALVES = HoldOut(validation=0.2, test=0.2, stratify=True)
DIGITS = ROOT.parent / "shared" / "data" / "spoken_digits"
SPEAKERS = ("anna", "bo", "clé", "d e")


@pytest.fixture
def clips(tmp_path):
    """Clips of two words by four speakers, of two rates, lengths and formats: word_speaker_number."""
    root = tmp_path / "clips"
    generator = np.random.RandomState(0)
    for number, word in enumerate(("nö", "yes")):
        (root / word).mkdir(parents=True)
        for speaker in SPEAKERS:
            for take in range(5):
                rate, length, suffix = (8000, 300, "wav") if take % 2 else (4000, 90, "flac")
                wave = 0.3 * generator.randn(length, 1 + take % 3) + 0.1 * number
                soundfile.write(root / word / f"{word}_{speaker}_{take}.{suffix}", wave.clip(-1, 1), rate)
    return root


def folder(root, **settings):
    return AudioFolder(str(root), **{"sample_rate": 8000, "seconds": 0.025, "split": HALVES} | settings)


def ids(dataset):
    return {name: [split.id(i) for i in range(len(split))] for name, split in dataset.splits.items()}


def test_clips_are_what_their_files_hold(clips, said):
    dataset = folder(clips).load()
    assert dataset.schema.inputs == Feature("audio", (200,), "float32", sample_rate=8000)
    assert dataset.schema.target.names == ("nö", "yes")
    assert {name: len(split) for name, split in dataset.splits.items()} == {"train": 24, "validation": 8, "test": 8}
    for split in dataset.splits.values():
        for i, wave in enumerate(split.rows(np.arange(len(split)))["inputs"]):
            np.testing.assert_array_equal(wave, read_audio(clips / split.id(i), dataset.schema.inputs))
            assert dataset.schema.target.names[split.targets[i]] == split.id(i).split("/")[0]
    assert "40 audio files of 2 classes (nö 20, yes 20)" in said()


def test_left_in_files_they_are_the_same(clips):
    (clips / "yes" / "yes_bo_9.wav").write_text("no audio")
    settings = {"max_corrupt": 1, "group": "_(.+)_", "split": HoldOut(0.3, 0.3)}
    held, lazy = (folder(clips, in_memory=in_memory, **settings).load() for in_memory in (True, False))
    assert_same_splits(held, lazy)
    assert held.excluded == lazy.excluded == {"all": 1}


def test_a_group_stays_on_one_side(clips, said):
    dataset = folder(clips, group="_(.+)_", split=HoldOut(0.3, 0.3)).load()
    sides = {name: {id_.split("_")[1] for id_ in part} for name, part in ids(dataset).items()}
    assert set.union(*sides.values()) == set(SPEAKERS)
    assert sum(len(side) for side in sides.values()) == len(SPEAKERS)
    assert "4 groups (anna 10, bo 10, clé 10, d e 10)" in said()
    folds = [ids(folder(clips, group="_(.+)_", split=KFold(fold, 4, seed=8)).load())["test"] for fold in range(4)]
    assert sorted({id_.split("_")[1] for id_ in part}.pop() for part in folds) == list(SPEAKERS)
    assert [len(part) for part in folds] == [10] * 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"group": "_(.+"}, r"data.group '_\(\.\+' is no regular expression: missing \), unterminated"),
        ({"group": "_.+_"}, r"data.group '_\.\+_' has no \(\.\.\.\) around"),
        ({"sample_rate": 8}, "AudioFolder.sample_rate is 8; it must be in \\[1000, 768000\\]"),
        ({"seconds": 0.0}, "AudioFolder.seconds is 0.0"),
        ({"seconds": float("nan")}, "AudioFolder.seconds is nan"),
        ({"seconds": float("inf")}, "AudioFolder.seconds is inf"),
        ({"max_corrupt": -1}, "AudioFolder.max_corrupt is -1"),
    ],
)
def test_settings_that_make_no_sense(settings, message, clips):
    with pytest.raises(UserError, match=message):
        folder(clips, **settings)


@pytest.mark.parametrize("group", ["_(bo)_", "_(bo)?"])
def test_a_file_without_a_group_is_named(group, clips):
    with pytest.raises(UserError, match=r"finds no group in 'nö/nö_anna_0.flac' \(30 of 40 files of .*correct it") as e:
        folder(clips, group=group).load()
    assert "\n" not in str(e.value)


def test_a_folder_without_audio(clips, tmp_path):
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match=r"none holds no audio files \(\.aif, .*\.flac, .*\.wav, \.wave\)$"):
        folder(tmp_path / "none").load()
    with pytest.raises(UserError, match=r"all 20 audio files of .* are of one class"):
        folder(clips / "yes").load()
    with pytest.raises(UserError, match="gone is not there; they are on the tape, or name another"):
        folder(tmp_path / "gone", download_hint="they are on the tape").load()


def test_a_damaged_file_stops_unless_it_may_be_left_out(clips, said):
    (clips / "yes" / "yes_bo_9.wav").write_bytes(b"")
    with pytest.raises(UserError, match=r"yes_bo_9\.wav cannot be read as audio: it is empty; restore the file, or"):
        folder(clips).load()
    assert folder(clips, max_corrupt=1).load().excluded == {"all": 1}
    assert "left out 1 unreadable audio files" in said()


def test_without_soundfile_one_line_says_what_to_install(clips, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(UserError, match=r"^audio files are read by soundfile .*: pip install -e '\.\[audio\]'$"):
        folder(clips, max_corrupt=100).load()


def test_it_survives_json(clips):
    source = folder(clips, group="_(.+)_", split=KFold(0, 4, seed=8))
    assert from_json(to_json(source)) == source
    schema = source.load().schema
    assert from_json(to_json(schema)) == schema


@pytest.mark.skipif(not DIGITS.exists(), reason="the clips are not here")
def test_spoken_digits_split_by_speaker():
    source = AudioFolder(str(DIGITS), sample_rate=8000, group="_(.+)_", split=HoldOut(0.0, 0.5, seed=7))
    dataset = source.load()
    assert dataset.schema.target.names == tuple("0123456789")
    sides = [{id_.split("_")[1] for id_ in part} for part in ids(dataset).values()]
    assert sorted(map(len, sides)) == [1, 1]
    assert sides[0] != sides[1]
    assert all(len(split) == 250 for split in dataset.splits.values())


def test_the_rate_is_resampled_to(clips):
    fast, slow = folder(clips).load(), folder(clips, sample_rate=4000, seconds=0.05).load()
    assert fast.schema.inputs.shape == slow.schema.inputs.shape == (200,)
    wave = slow.splits["test"].rows(np.arange(1))["inputs"][0]
    np.testing.assert_array_equal(wave, read_audio(clips / slow.splits["test"].id(0), slow.schema.inputs))
    assert not np.array_equal(wave, fast.splits["test"].rows(np.arange(1))["inputs"][0])
