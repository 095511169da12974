"""From a folder of clips to its report: explore, train, evaluate and predict."""

import csv
import dataclasses

import numpy as np
import pytest
import soundfile

import jaxflow
from jaxflow import AudioFolder, HoldOut, LogMel
from tests.reports.pages import addresses, count_figures

RATE = 8000


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """High and low tones; one is silent, one too loud, one there twice."""
    root = tmp_path_factory.mktemp("tones") / "clips"
    generator = np.random.RandomState(0)
    for word, frequency in (("high", 1500), ("löw", 400)):
        (root / word).mkdir(parents=True)
        for number in range(12):
            wave = 0.4 * np.sin(2 * np.pi * frequency * np.arange(800) / RATE + 6 * generator.rand())
            wave[600:] = 0
            soundfile.write(root / word / f"{number}.wav", wave + 0.01 * generator.randn(800), RATE)
    soundfile.write(root / "high" / "silent.wav", 1e-4 * generator.randn(800), RATE, "PCM_24")
    soundfile.write(root / "high" / "loud.flac", np.clip(generator.randn(800), -1, 1), RATE)
    (root / "löw" / "twice.wav").write_bytes((root / "löw" / "3.wav").read_bytes())
    return root


@pytest.fixture(scope="module")
def experiment(root):
    return jaxflow.Experiment(
        data=AudioFolder(str(root), sample_rate=RATE, seconds=0.1, split=HoldOut(0.2, 0.3)),
        preprocess=(LogMel(16), jaxflow.Standardize()),
        augment=(jaxflow.TimeShift(0.1), jaxflow.SpecAugment(2, 1, 2, 1)),
        model=jaxflow.MLP(hidden=(8,)),
        problem=jaxflow.Classification(),
        optimizer=jaxflow.Adam(1e-2),
        batch_size=4,
        epochs=6,
    )


@pytest.mark.slow
def test_explore_shows_clips_and_says_what_is_odd(experiment, tmp_path):
    described = jaxflow.explore(experiment, tmp_path / "run")
    assert described["inputs"]["kind"] == "audio"
    assert described["inputs"]["rate"] == RATE
    assert described["inputs"]["shape"] == [800]
    assert "features" not in described
    assert described["inputs"]["seconds"]["mean"] == pytest.approx(0.1, abs=1e-3)
    assert 0.4 < described["inputs"]["peak"]["max"] < 0.45  # the loud one is in another split
    found = {finding["message"]: finding for finding in described["findings"]}
    assert found["1 clips are silent"]["ids"] == ("high/silent.wav",)
    assert found["1 clips are at full scale for more than 0.1% of their samples"]["ids"] == ("high/loud.flac",)
    twice = found["the inputs of 1 examples equal another one's"]
    assert twice["severity"] == "problem"
    assert set(twice["ids"][0].split(" = ")) == {"löw/3.wav", "löw/twice.wav"}
    page = (tmp_path / "run" / "report" / "data.html").read_text()
    assert count_figures(page) == 4  # targets, examples, augmentations, loudness
    assert "audio inputs, 800 samples, 8000 a second" in page
    assert addresses(page) == []


@pytest.mark.parametrize("change", [{"augment": ()}, {"preprocess": ()}])
def test_explore_needs_neither_augmentation_nor_spectrogram(change, experiment, tmp_path):
    if "preprocess" in change:
        change["augment"] = (jaxflow.TimeShift(),)
    jaxflow.explore(dataclasses.replace(experiment, **change), tmp_path / "run")
    assert (tmp_path / "run" / "report" / "data_examples.svg").stat().st_size > 0


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def trained(experiment, tmp_path_factory):
    run = tmp_path_factory.mktemp("trained") / "run"
    jaxflow.train(experiment, run)
    return run, jaxflow.evaluate(run)


@pytest.mark.slow
def test_a_report_has_its_pictures(trained):
    run, results = trained
    assert results["test"]["accuracy"] >= 0.75
    page = (run / "report" / "index.html").read_text()
    assert count_figures(page) == 6  # two learning curves, confusion, ROC, precision and recall, calibration
    wrong = sum(row["target"] != row["prediction"] for row in read(run / "predictions" / "test.csv"))
    assert page.count("<audio ") == min(wrong, 16)


def test_new_clips_are_predicted_as_the_tested_ones_were(trained, root, tmp_path):
    run, _ = trained
    expected = {row["id"]: row["prediction"] for row in read(run / "predictions" / "test.csv")}
    found = {row["id"]: row["prediction"] for row in read(jaxflow.predict(run, root, tmp_path / "all.csv"))}
    assert len(found) == 27
    assert {id_: found[id_] for id_ in expected} == expected
    one = read(jaxflow.predict(run, root / "löw" / "1.wav"))
    assert [(row["id"], row["prediction"]) for row in one] == [("1.wav", "löw")]


def test_new_clips_of_another_rate_and_length(trained, tmp_path):
    run, _ = trained
    tone = 0.4 * np.sin(2 * np.pi * 400 * np.arange(44_100) / 44_100)
    path = tmp_path / "ä löng one.flac"
    soundfile.write(path, np.stack([tone, tone], 1), 44_100, "PCM_24")
    assert read(jaxflow.predict(run, path))[0]["prediction"] == "löw"


def test_what_is_no_audio_is_refused(trained, tmp_path):
    run, _ = trained
    (tmp_path / "a.wav").write_text("no audio")
    with pytest.raises(jaxflow.UserError, match=r"a\.wav cannot be read as audio: Format not recognised"):
        jaxflow.predict(run, tmp_path / "a.wav")
    (tmp_path / "none").mkdir()
    with pytest.raises(jaxflow.UserError, match=r"none holds no audio files \(\.aif, .*\.wav, \.wave\)"):
        jaxflow.predict(run, tmp_path / "none")
