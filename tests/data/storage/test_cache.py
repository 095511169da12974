import shutil

import numpy as np
import pytest

from jaxflow.data.storage.cache import cache_folder, cached_arrays


def make(calls):
    calls.append(1)
    return {"a.inputs": np.arange(12, dtype=np.uint8).reshape(3, 4), "names": np.array(["x", "é"])}


def test_arrays_are_made_once_and_read_back_equal():
    calls = []
    first, second = (cached_arrays("key", lambda: make(calls)) for _ in range(2))
    assert len(calls) == 1
    for name in first:
        np.testing.assert_array_equal(first[name], second[name])


def test_a_flipped_bit_is_found_and_the_entry_made_again():
    calls = []
    cached_arrays("key", lambda: make(calls))
    file = cache_folder() / "arrays" / "key" / "a.inputs.npy"
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    again = cached_arrays("key", lambda: make(calls))
    assert len(calls) == 2
    np.testing.assert_array_equal(again["a.inputs"], np.arange(12).reshape(3, 4))


def test_a_cache_that_cannot_be_written_is_no_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("JAXFLOW_CACHE_DIR", str(tmp_path / "file"))
    calls = []
    for _ in range(2):
        assert len(cached_arrays("key", lambda: make(calls))["names"]) == 2
    assert len(calls) == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", "3", '{"a.inputs": 1}', None])
def test_a_damaged_entry_is_said_and_made_again(content, said):
    calls = []
    cached_arrays("key", lambda: make(calls))
    folder = cache_folder() / "arrays" / "key"
    if content is None:  # a file where the folder should be
        shutil.rmtree(folder)
        folder.write_text("")
    else:
        (folder / "checksums.json").write_text(content)
    assert not said()
    for _ in range(2):
        np.testing.assert_array_equal(cached_arrays("key", lambda: make(calls))["names"], ["x", "é"])
    assert said() == f"{folder} does not match its checksums and is made again"
    assert len(calls) == 2


def test_empty_arrays_are_kept_too():
    for _ in range(2):
        arrays = cached_arrays("empty", lambda: {"bad": np.array([], np.str_), "rows": np.empty((0, 2), np.uint8)})
        assert (arrays["bad"].tolist(), arrays["rows"].shape) == ([], (0, 2))
