"""Tokenizers: what goes in comes out again, and only what was fitted decides how."""

import builtins
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import jaxflow
from jaxflow.data.texts.tokenizers import END, UNKNOWN, ByteTokenizer
from jaxflow.serialization import from_json, to_json

TEXTS = [
    "To be, or not to be, that is the question:",
    "Whether 'tis nobler in the mind to suffer\n",
    "Öffne dich 🐍",
] * 3
KINDS = [jaxflow.Characters(), jaxflow.Bytes(), jaxflow.BPE(300)]
BPE = jaxflow.BPE(300).fit(TEXTS)
QUICK = settings(max_examples=200, deadline=None, database=None, derandomize=True)


@QUICK
@given(st.text())
@pytest.mark.parametrize("tokenizer", [ByteTokenizer(), BPE], ids=["bytes", "bpe"])
def test_any_text_comes_back(tokenizer, text):
    ids = tokenizer.encode(text)
    assert tokenizer.decode(ids.tolist()) == text
    assert not (ids == END).any()
    assert ids.max(initial=0) < len(tokenizer.vocabulary)


@QUICK
@given(st.text())
def test_characters_come_back_where_they_are_known(text):
    known = jaxflow.Characters().fit([text])
    ids = known.encode(text)
    assert known.decode(ids.tolist()) == text
    assert UNKNOWN not in ids
    other = jaxflow.Characters().fit(["abc"])
    assert other.decode(other.encode(text)) == "".join(c if c in "abc" else "\ufffd" for c in text)


@pytest.mark.parametrize("tokens", KINDS, ids=lambda tokens: type(tokens).__name__)
def test_tokenizers_travel_as_json(tokens):
    tokenizer = tokens.fit(iter(TEXTS))
    again = from_json(json.loads(json.dumps(to_json(tokenizer))))
    assert again == tokenizer
    np.testing.assert_array_equal(again.encode(TEXTS[0]), tokenizer.encode(TEXTS[0]))
    assert tokens.fit(TEXTS) == tokenizer
    names = tokenizer.vocabulary
    assert len(set(names)) == len(names)
    assert names[END] == "<end>"
    assert from_json(json.loads(json.dumps(to_json(tokens)))) == tokens


def test_known_encodings():
    tokenizer = jaxflow.Characters().fit(["ba", "ca"])
    assert tokenizer.vocabulary == ("<end>", "<unknown>", "a", "b", "c")
    assert tokenizer.encode("cab?").tolist() == [4, 2, 3, UNKNOWN]
    assert jaxflow.Bytes().fit([]).encode("aé").tolist() == [98, 0xC3 + 1, 0xA9 + 1]
    assert ByteTokenizer().vocabulary[98] == "a"
    assert ByteTokenizer().vocabulary[0xC3 + 1] == "\\xc3"
    assert ByteTokenizer().decode([98, END, 0xC3 + 1]) == "a\ufffd"


def test_bpe_is_that_of_the_tokenizers_package():
    reference = Tokenizer(models.BPE())
    reference.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    reference.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=299, initial_alphabet=alphabet, show_progress=False)
    )
    text = "The question is whether to suffer 🐍"
    expected = [reference.id_to_token(token) for token in reference.encode(text).ids]
    letters = {letter: bytes([byte]) for byte, letter in _gpt2_letters().items()}
    pieces = [b"".join(letters[letter] for letter in token).decode(errors="replace") for token in expected]
    assert [BPE.decode([token]) for token in BPE.encode(text)] == pieces
    assert len(BPE.vocabulary) == 1 + reference.get_vocab_size() == 300
    assert len(pieces) < len(text.encode())


def _gpt2_letters():
    """The byte-to-letter table of GPT-2's published encoder, written down by its rule."""
    letters, extra = {}, 256
    for byte in range(256):
        if chr(byte).isprintable() and not chr(byte).isspace() and byte != 0xAD:
            letters[byte] = chr(byte)
        else:
            letters[byte], extra = chr(extra), extra + 1
    return letters


def test_text_that_looks_like_a_special_token_is_text():
    for tokenizer in (BPE, ByteTokenizer()):
        assert END not in tokenizer.encode("<end>")
        assert tokenizer.decode(tokenizer.encode("<end>").tolist()) == "<end>"


def test_too_few_tokens_are_refused():
    with pytest.raises(jaxflow.UserError, match=r"BPE\.size is 256; it must be 257 or more"):
        jaxflow.BPE(256)


def test_a_missing_package_is_one_line(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "tokenizers":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(jaxflow.UserError, match=r"pip install -e '\.\[text\]'"):
        jaxflow.BPE().fit(TEXTS)
