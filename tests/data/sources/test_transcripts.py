"""Audio files with a text each."""

import wave

import numpy as np
import pytest

import jaxflow

pytest.importorskip("soundfile")
TEXTS = ["ab", "b", "abba", "a b", "bb", "ab", "a", "b", "ba", "ab"] * 4


@pytest.fixture
def clips(tmp_path):
    for number in range(len(TEXTS)):
        with wave.open(str(tmp_path / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(np.random.RandomState(number).randint(-99, 99, 80, np.int16).tobytes())
    lines = [f"{number}.wav,{text}" for number, text in enumerate(TEXTS)]
    (tmp_path / "texts.csv").write_text("\n".join(["path,label", *lines]))
    return tmp_path


def source(folder, **fields):
    return jaxflow.AudioFolder(str(folder), labels="texts.csv", task="text", sample_rate=8000, seconds=0.01, **fields)


def test_texts_become_characters_with_ignored_positions_after_them(clips, said):
    dataset = source(clips).load()
    target = dataset.schema.target
    assert (target.kind, target.names, target.dense_shape) == ("class", (" ", "a", "b"), (4,))
    assert "40 audio files with texts of 80 characters, 3 different ones" in said()
    found = {}
    for split in dataset.splits.values():
        assert split.targets.dtype == target.dtype
        for index, row in enumerate(split.targets):
            length = (row >= 0).sum()
            assert (row[length:] == jaxflow.IGNORE).all()
            found[split.id(index)] = "".join(target.names[character] for character in row[:length])
    assert found == {f"{number}.wav": text for number, text in enumerate(TEXTS)}
    assert jaxflow.Transcription().num_outputs(dataset.schema) == 4


def test_texts_are_what_is_written_not_values(clips):
    texts = ["3.00", "TRUE", "true", "1e-05", "caf\u00e9", "cafe\u0301"]
    lines = [f"{number}.wav,{texts[number % 6]}" for number in range(len(TEXTS))]
    (clips / "texts.csv").write_text("\n".join(["path,label", *lines]))
    dataset, found = source(clips).load(), set()
    for split in dataset.splits.values():
        found |= {"".join(dataset.schema.target.names[each] for each in row if each >= 0) for row in split.targets}
    assert found == set(texts[:5])  # letters that Unicode writes in two ways are one


def test_characters_that_train_lacks_are_said(clips, said):
    test = {source(clips).load().splits["test"].id(0)}
    lines = [f"{number}.wav,{'q' if f'{number}.wav' in test else text}" for number, text in enumerate(TEXTS)]
    (clips / "texts.csv").write_text("\n".join(["path,label", *lines]))
    said()
    assert "q" in source(clips).load().schema.target.names
    assert "test: train has no 'q', which no model learns then; they count as wrong" in said()


def test_several_columns_of_texts_are_refused(clips):
    with pytest.raises(jaxflow.UserError, match=r"data.task is 'text', and data.target names 2 columns; name one"):
        source(clips, target=("label", "other"))
