"""Tokenizers: what goes in comes out again, and only what was fitted decides how."""

import builtins
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import jaxflow
from jaxflow.data.texts.tokenizers import END, UNKNOWN, decode, encode, vocabulary
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
@pytest.mark.parametrize("encoding", [{"kind": "bytes"}, BPE], ids=["bytes", "bpe"])
def test_any_text_comes_back(encoding, text):
    ids = encode(encoding, text)
    assert decode(encoding, ids.tolist()) == text
    assert not (ids == END).any()
    assert ids.max(initial=0) < len(vocabulary(encoding))


@QUICK
@given(st.text())
def test_characters_come_back_where_they_are_known(text):
    known = jaxflow.Characters().fit([text])
    ids = encode(known, text)
    assert decode(known, ids.tolist()) == text
    assert UNKNOWN not in ids
    other = jaxflow.Characters().fit(["abc"])
    assert decode(other, encode(other, text)) == "".join(c if c in "abc" else "\ufffd" for c in text)


@pytest.mark.parametrize("tokens", KINDS, ids=lambda tokens: type(tokens).__name__)
def test_encodings_travel_as_json(tokens):
    encoding = tokens.fit(iter(TEXTS))
    again = json.loads(json.dumps(encoding))
    np.testing.assert_array_equal(encode(again, TEXTS[0]), encode(encoding, TEXTS[0]))
    assert tokens.fit(TEXTS) == encoding
    names = vocabulary(encoding)
    assert len(set(names)) == len(names)
    assert names[END] == "<end>"
    assert from_json(json.loads(json.dumps(to_json(tokens)))) == tokens


def test_known_encodings():
    encoding = jaxflow.Characters().fit(["ba", "ca"])
    assert vocabulary(encoding) == ["<end>", "<unknown>", "a", "b", "c"]
    assert encode(encoding, "cab?").tolist() == [4, 2, 3, UNKNOWN]
    assert encode(jaxflow.Bytes().fit([]), "aé").tolist() == [98, 0xC3 + 1, 0xA9 + 1]
    assert vocabulary({"kind": "bytes"})[98] == "a"
    assert vocabulary({"kind": "bytes"})[0xC3 + 1] == "\\xc3"
    assert decode({"kind": "bytes"}, [98, END, 0xC3 + 1]) == "a\ufffd"


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
    assert [decode(BPE, [token]) for token in encode(BPE, text)] == pieces
    assert len(vocabulary(BPE)) == 1 + reference.get_vocab_size() == 300
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
    for encoding in (BPE, {"kind": "bytes"}):
        assert END not in encode(encoding, "<end>")
        assert decode(encoding, encode(encoding, "<end>").tolist()) == "<end>"


def test_too_few_tokens_are_refused():
    with pytest.raises(jaxflow.UserError, match=r"tokens\.size is 256; BPE has 257 tokens before"):
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
