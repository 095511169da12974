"""Run folders of version 0.1 hold what sources fitted as dicts without classes."""

import numpy as np
import pytest

import jaxflow
from jaxflow.data.tables.columns import fit_target_encoder
from jaxflow.legacy import modernize, modernize_meta
from jaxflow.serialization import from_json

NUMBERS = np.array([1.0, np.nan, 3.0, 2.0])
WORDS = np.array(["b", "a", None, "b"], object)
DATES = np.array(["2024-01-01", "2024-02-01", "NaT"], "datetime64[s]")
CATEGORIES = {"name": "x", "categories": ["", "a", "b"], "fill": "", "missing": 0.25}


@pytest.mark.parametrize(
    ("written", "encoder"),
    [
        (
            {
                "name": "x", "kind": "number", "fill": 2.0, "low": 1.5, "high": 2.5, "shift": 2.0,
                "width": 0.3535533905932738, "indicator": True, "missing": 0.25,
            },
            jaxflow.Number("x", winsorize=0.25).fit(NUMBERS),
        ),
        (CATEGORIES | {"kind": "onehot", "other": False}, jaxflow.Category("x").fit(WORDS)),
        (CATEGORIES | {"kind": "ordinal", "other": False}, jaxflow.Category("x", "ordinal").fit(WORDS)),
        (CATEGORIES | {"kind": "embed", "other": False}, jaxflow.Category("x", "index").fit(WORDS)),
        (
            CATEGORIES | {"kind": "target", "means": [[0.0, 1.0, 0.5]], "mean": [0.5]},
            fit_target_encoder(jaxflow.Category("x"), WORDS, np.array([0, 1, 0, 1]), True, 0)[0],
        ),
        (
            {
                "name": "x", "kind": "date", "turns": ["year", "week", "day"], "format": "",
                "missing": 0.3333333333333333,
                "days": {
                    "name": "x", "kind": "number", "fill": 19738.5, "low": None, "high": None, "shift": 19738.5,
                    "width": 12.655697004379753, "indicator": True, "missing": 0.3333333333333333,
                },
            },
            jaxflow.Date("x").fit(DATES),
        ),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)  # fmt: skip
def test_columns_of_tables(written, encoder):
    meta = {"encoding": {"columns": [written], "features": ["any"], "missing": ["", "NA"], "id": None}}
    read = from_json(modernize_meta(meta)["encoding"])
    assert read == jaxflow.TableEncoding((encoder,), ("", "NA"), None)
    assert type(read.columns[0]) is type(encoder)
    assert modernize_meta(modernize_meta(meta)) == modernize_meta(meta)


@pytest.mark.parametrize(
    ("written", "encoding"),
    [
        (
            {"tokens": {"kind": "characters", "characters": " ab"}},
            jaxflow.TextEncoding(jaxflow.CharacterTokenizer(" ab")),
        ),
        ({"tokens": {"kind": "bytes"}, "text": "review"}, jaxflow.TextEncoding(jaxflow.ByteTokenizer(), "review")),
        (
            {"tokens": {"kind": "bpe", "merges": "a b\nab c"}, "text": "text"},
            jaxflow.TextEncoding(jaxflow.BPETokenizer("a b\nab c"), "text"),
        ),
    ],
)
def test_tokenizers(written, encoding):
    assert from_json(modernize_meta({"encoding": written})["encoding"]) == encoding


@pytest.mark.parametrize(("shape", "kind"), [([12, 3], "series"), ([12], "vector"), ([4, 4, 1, 1], "vector")])
def test_windows_of_series_were_vectors(shape, kind):
    written = {"class": "jaxflow.data.dataset:Feature", "kind": "vector", "shape": shape, "dtype": "float32"}
    assert from_json(modernize(written)) == jaxflow.Feature(kind, tuple(shape), "float32")


def test_what_a_transform_fitted_is_not_looked_into():
    fitted = [
        {"encoding": {"scale": 2.0}},
        {"encoding": {"tokens": {"kind": "bytes"}}},
        {"class": "jaxflow.data.tfds:Tfds"},
    ]
    assert modernize_meta({"fitted": fitted, "train_size": 3}) == {"fitted": fitted, "train_size": 3}
