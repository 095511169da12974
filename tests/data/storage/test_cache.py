import grp
import os
import pwd
import shutil

import numpy as np
import pytest

from jaxflow.data.storage import cache
from jaxflow.data.storage.cache import cache_folder, cached_arrays
from jaxflow.errors import UserError


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


@pytest.mark.parametrize("below", ["", "programs", "arrays"])
@pytest.mark.parametrize(("mode", "said"), [(0o777, "0777"), (0o1777, "1777"), (0o770, "0770"), (0o702, "0702")])
def test_a_cache_that_others_may_write_is_refused(below, mode, said, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_is_private_group", lambda gid: False)
    (tmp_path / "cache" / below).mkdir(parents=True)
    (tmp_path / "cache" / below).chmod(mode)
    with pytest.raises(UserError, match=rf"may be written by others \(mode {said}\).*chmod go-w .*JAXFLOW_CACHE_DIR"):
        cached_arrays("key", lambda: make([]))


def test_a_cache_of_another_user_is_refused(tmp_path, monkeypatch):
    (tmp_path / "cache").mkdir()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    owner = (tmp_path / "cache").stat().st_uid
    if owner == 0:  # root's is taken by everyone
        cache_folder()
        os.chown(tmp_path / "cache", 4712, -1)
        owner = 4712
    with pytest.raises(UserError, match=rf"is another user's \(uid {owner}\).*JAXFLOW_CACHE_DIR"):
        cache_folder()


def test_a_new_cache_is_this_users_alone_and_a_private_group_is_nobody_else(tmp_path, monkeypatch):
    assert cache_folder().stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(cache, "_is_private_group", lambda gid: True)
    (tmp_path / "cache").chmod(0o775)
    cache_folder()


def test_a_group_is_private_when_it_is_named_like_the_user_and_has_no_other(monkeypatch):
    me = pwd.getpwuid(os.geteuid())
    alone = grp.struct_group((me.pw_name, "x", me.pw_gid, []))
    for group, private in (
        (alone, True),
        (grp.struct_group((me.pw_name, "x", me.pw_gid, [me.pw_name, "bob"])), False),
        (grp.struct_group(("staff", "x", me.pw_gid, [])), False),
    ):
        monkeypatch.setattr(grp, "getgrgid", lambda gid, group=group: group)
        assert cache._is_private_group(me.pw_gid) is private
        assert not cache._is_private_group(me.pw_gid + 1)
