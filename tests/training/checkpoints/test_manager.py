import dataclasses
import json
import math
import os
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jaxflow
from jaxflow.data.dataset import ArraySplit
from jaxflow.errors import DamagedError, UserError
from jaxflow.serialization import json_digest
from jaxflow.training import loop
from jaxflow.training import trained as trained_runs
from jaxflow.training.checkpoints.checkpointer import saved_steps
from jaxflow.training.checkpoints.checksums import checksums
from jaxflow.training.checkpoints.manager import open_checkpoints
from jaxflow.training.checkpoints.reading import read_meta
from jaxflow.training.checkpoints.retention import resolve_step
from jaxflow.training.prepare import prepare_training
from jaxflow.training.resume import resume
from jaxflow.training.trained import read_trained


@pytest.fixture(scope="module")
def trained_once(experiment, toy, tmp_path_factory):
    short = dataclasses.replace(
        experiment, checkpoint_every_steps=3, epochs=0.9, validate_every_epochs=100, max_checkpoints=2
    )
    folder = tmp_path_factory.mktemp("once") / "run"
    jaxflow.train(short, folder, dataset=toy)
    assert saved_steps(folder / "checkpoints") == [3, 6]
    return short, folder, {step: checksums(read_trained(folder, str(step)).state) for step in (3, 6)}


@pytest.fixture
def trained(trained_once, tmp_path):
    """A run with checkpoints at steps 3 and 6, and what their states should be."""
    short, folder, expected = trained_once
    return short, shutil.copytree(folder, tmp_path / "run"), expected


def resumed(afresh, folder):
    with open_checkpoints(folder / "checkpoints", afresh.experiment.problem, afresh.experiment.max_checkpoints) as kept:
        return resume(kept, afresh)[0]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    if data:
        data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def zero_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    start = max(0, len(data) // 2 - 2048)
    data[start : start + 4096] = bytes(len(data[start : start + 4096]))
    path.write_bytes(data)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("damage", [flip, zero_page, truncate, Path.unlink], ids=lambda damage: damage.__name__)
def test_damage_anywhere_never_gives_wrong_weights(damage, trained, toy, tmp_path):
    experiment, folder, expected = trained
    files = sorted(path.relative_to(folder) for path in (folder / "checkpoints" / "6").rglob("*") if path.is_file())
    assert len(files) > 5
    older, afresh = 0, prepare_training(experiment, toy)
    for number, name in enumerate(files):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(folder, copy)
        damage(copy / name)
        state = resumed(afresh, copy)
        step = int(state.step)
        assert checksums(state) == expected[step], name
        assert (copy / "damaged" / "6").exists() == (step == 3)  # set aside, never deleted
        older += step == 3
    assert older >= 2  # meta and state at least are noticed


def test_where_nothing_is_intact_a_run_stops_and_says_so_again(trained, toy):
    experiment, folder, _ = trained
    for path in (folder / "checkpoints").glob("*/state"):
        shutil.rmtree(path)
    for _ in range(2):
        with pytest.raises(UserError, match=r"no checkpoint in .* is intact \(damaged: 3, 6\); restore one"):
            jaxflow.train(experiment, folder, dataset=toy)
    assert sorted(path.name for path in (folder / "damaged").iterdir()) == ["3", "6"]
    jaxflow.train(experiment, folder, dataset=toy, overwrite=True)
    assert saved_steps(folder / "checkpoints") == [3, 6]


def test_readers_take_the_older_one_and_move_nothing(trained):
    _, folder, expected = trained
    flip(next((folder / "checkpoints" / "6" / "state").rglob("d/*")))
    assert read_trained(folder).step == 3
    assert checksums(read_trained(folder).state) == expected[3]
    assert not (folder / "damaged").exists()
    with pytest.raises(UserError, match="6 is damaged"):
        read_trained(folder, "6")


def test_a_checkpoint_under_another_step_is_not_taken_for_it(trained):
    _, folder, expected = trained
    shutil.rmtree(folder / "checkpoints" / "6")
    shutil.copytree(folder / "checkpoints" / "3", folder / "checkpoints" / "6")
    with pytest.raises(UserError, match="6 is damaged: it holds the state of step 3"):
        read_trained(folder, "6")
    assert read_trained(folder).step == 3
    assert checksums(read_trained(folder).state) == expected[3]


def test_readers_look_again_where_a_run_removes_what_they_read(trained, monkeypatch, said):
    _, folder, expected = trained
    newest, really = folder / "checkpoints" / "6", trained_runs.read_meta

    def removed_first(kept, step):
        if step == 6:
            shutil.rmtree(newest)
        return really(kept, step)

    monkeypatch.setattr(trained_runs, "read_meta", removed_first)
    shutil.copytree(newest, folder / "kept")
    assert checksums(read_trained(folder).state) == expected[3]
    (folder / "kept").rename(newest)
    with pytest.raises(UserError, match="no checkpoint '6'; there are 3"):
        read_trained(folder, "6")
    assert "damaged" not in said()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": jaxflow.CNN(widths=(4, 5), pools=1, hidden=(8,), padding="SAME", dropout=0.2, norm="batch")},
         r"BatchNorm_1/.*bias is float32\[4\] there and float32\[5\] in this program"),
        ({"optimizer": jaxflow.SGD()}, r"opt_state/\S+ is (absent there|\w+\[.*\] there and absent)"),
        ({"ema_decay": None}, r"ema/\S+ is float32\[.*\] there and absent in this program"),
    ],
)  # fmt: skip
def test_another_program_is_refused_by_leaf_and_shape(change, message, trained, toy):
    experiment, folder, _ = trained
    before = sorted(path.name for path in (folder / "checkpoints").iterdir())
    with pytest.raises(UserError, match=message):
        resumed(prepare_training(dataclasses.replace(experiment, **change), toy), folder)
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == before


def test_another_dtype_is_refused(trained, toy, monkeypatch):
    experiment, folder, _ = trained
    afresh = prepare_training(experiment, toy)
    template = afresh.program.abstract_state()
    halved = template.replace(
        params=jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, jnp.bfloat16), template.params)
    )
    monkeypatch.setattr(type(afresh.program), "abstract_state", lambda self: halved)
    with pytest.raises(UserError, match=r"float32\[4\] there and bfloat16\[4\] in this program"):
        resumed(afresh, folder)


@pytest.mark.slow
def test_a_metric_that_is_not_finite_is_never_the_best(experiment, toy, tmp_path, monkeypatch):
    losses = iter([0.5, 0.9, math.nan, math.inf, 0.7, math.nan])
    monkeypatch.setattr(loop, "evaluate_split", lambda *_, **__: {"loss": next(losses)})
    often = dataclasses.replace(experiment, validate_every_epochs=0.3, max_checkpoints=1, epochs=1.7)
    jaxflow.train(often, tmp_path, dataset=toy)
    with open_checkpoints(tmp_path / "checkpoints", often.problem, often.max_checkpoints, read_only=True) as kept:
        assert resolve_step(kept, "best") == 2
        assert saved_steps(kept.folder) == [2, 11]
        assert read_meta(kept, 2)["metrics"] == {"loss": 0.5}


@pytest.mark.parametrize(("metric", "best"), [("loss", 1), ("accuracy", 2), ("top_2", 3)])
def test_the_best_checkpoint_goes_by_the_chosen_metric_and_its_direction(metric, best, experiment, tmp_path):
    measured = {
        1: {"loss": 0.1, "accuracy": 0.5, "top_2": 0.8},
        2: {"loss": 0.2, "accuracy": 0.9, "top_2": 0.7},
        3: {"loss": 0.3, "accuracy": 0.9 - 0.2, "top_2": 0.8},  # the later one where two are equal
    }
    problem = jaxflow.Classification(
        metrics=(jaxflow.metrics.Accuracy(), jaxflow.metrics.TopK(2)), selection_metric=metric
    )
    chosen = dataclasses.replace(experiment, problem=problem)
    for step in measured:
        (tmp_path / "checkpoints" / str(step)).mkdir(parents=True)
    with open_checkpoints(tmp_path / "checkpoints", chosen.problem, chosen.max_checkpoints, read_only=True) as kept:
        kept.scores.update({step: metrics[metric] for step, metrics in measured.items()})
        assert resolve_step(kept, "best") == best


def test_other_data_of_the_same_size_is_refused(trained, toy):
    experiment, folder, _ = trained
    train = toy.splits["train"]
    renamed = ArraySplit(train.inputs, train.targets, [f"other_{name}" for name in train.ids])
    other = dataclasses.replace(toy, splits={**toy.splits, "train": renamed})
    with pytest.raises(
        UserError, match=r"the data changed since .* was trained \(other training examples\); choose another"
    ):
        jaxflow.train(dataclasses.replace(experiment, epochs=0.9), folder, dataset=other)


@pytest.mark.parametrize("way", ["from the future", "from the past", "moved", "copied", "symlinked"])
def test_clocks_and_places_do_not_matter(way, trained, toy, tmp_path):
    experiment, folder, expected = trained
    if way.startswith("from"):
        for path in [folder, *folder.rglob("*")]:
            os.utime(path, (4e9, 4e9) if way == "from the future" else (1, 1))
    elif way == "moved":
        folder = folder.rename(tmp_path / "elsewhere")
    elif way == "copied":
        folder = shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
    else:
        (tmp_path / "link").symlink_to(folder, target_is_directory=True)
        folder = tmp_path / "link"
    state = resumed(prepare_training(experiment, toy), folder)
    assert int(state.step) == 6
    assert checksums(state) == expected[6]
    longer = dataclasses.replace(experiment, epochs=0.9)
    assert jaxflow.train(longer, folder, dataset=toy)["checkpoint_step"] == 6


def test_half_written_checkpoints_are_removed_and_not_taken(trained, toy):
    experiment, folder, expected = trained
    torn = folder / "checkpoints" / "9.orbax-checkpoint-tmp"
    shutil.copytree(folder / "checkpoints" / "6", torn)
    assert checksums(resumed(prepare_training(experiment, toy), folder)) == expected[6]
    assert not torn.exists()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8", "uint32", "bool"])
def test_a_digest_sees_any_element_and_no_sharding(dtype):
    values = np.arange(48).reshape(8, 6) % 2 if dtype == "bool" else np.arange(48).reshape(8, 6)
    array = jnp.asarray(values).astype(dtype)
    mesh = Mesh(np.array(jax.devices()), ("x",))
    before = checksums({"a": array})
    for spec in (PartitionSpec("x"), PartitionSpec()):
        assert checksums({"a": jax.device_put(array, NamedSharding(mesh, spec))}) == before
    seen = {before["a"]}
    for index in range(48):
        changed = np.array(array)
        changed.flat[index] = changed.flat[index] == 0 if dtype == "bool" else changed.flat[index] + 1
        seen.add(checksums({"a": jnp.asarray(changed)})["a"])
    assert len(seen) == 49
    assert checksums({"a": array[:, ::-1]}) != before  # the same elements in another order
    zero = jnp.zeros((2, 3), dtype)
    assert checksums({"a": zero}) == checksums({"a": zero})


def test_negative_zero_is_another_number_to_a_digest():
    assert checksums([jnp.zeros(3)]) != checksums([-jnp.zeros(3)])


def test_metrics_travel_with_the_checkpoint(experiment, toy, tmp_path):
    jaxflow.train(experiment, tmp_path, dataset=toy)
    logged = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    last = next(line for line in reversed(logged) if line["split"] == "validation")
    with open_checkpoints(
        tmp_path / "checkpoints", experiment.problem, experiment.max_checkpoints, read_only=True
    ) as kept:
        metrics = read_meta(kept, last["step"])["metrics"]
    assert metrics == {name: value for name, value in last.items() if name not in ("step", "split", "epoch")}


@pytest.mark.parametrize(
    "wrong",
    [
        {"schema": None},
        {"schema": 5},
        {"schema": []},
        {"schema": {"class": "jaxflow:Adam"}},
        {"train_size": "x"},
        {"train_size": True},
        {"train_size": 0},
        {"leaves": None},
        {"leaves": {"step": None}},
        {"metrics": "x"},
        {"metrics": {"loss": "<b>"}},
        {"train_ids": None},
        {"contents": 5},
        {"problem": "x"},
        {"fitted": {}},
        {"fitted": []},
        {"loop": {"best": "x"}},
        {"log": {"lines": "x"}},
        {"encoding": 5},
    ],
)
def test_a_meta_of_another_form_is_damage_whatever_its_digest_says(wrong, trained):
    _, folder, _ = trained
    path = folder / "checkpoints" / "6" / "meta" / "metadata"
    meta = json.loads(path.read_text()) | wrong
    meta = {name: value for name, value in meta.items() if name != "digest" and value is not None}
    path.write_text(json.dumps(meta | {"digest": json_digest(meta)}))
    with pytest.raises(DamagedError, match="checkpoints/6 is damaged: its meta"):
        read_trained(folder, "6")
    assert read_trained(folder, "3").step == 3


def test_a_best_checkpoint_has_the_metric_that_selects_it(trained):
    experiment, folder, _ = trained
    path = folder / "checkpoints" / "6" / "meta" / "metadata"
    meta = json.loads(path.read_text()) | {"metrics": {"another": 1.0}}
    del meta["digest"]
    path.write_text(json.dumps(meta | {"digest": json_digest(meta)}))
    with (
        open_checkpoints(folder / "checkpoints", experiment.problem, read_only=True) as kept,
        pytest.raises(UserError, match="no checkpoint was validated"),
    ):
        resolve_step(kept, "best")


@pytest.mark.parametrize("place", ["meta/metadata", "state/manifest.ocdbt"])
def test_a_pipe_in_a_checkpoint_is_damage_and_not_waited_for(place, trained):
    _, folder, _ = trained
    (folder / "checkpoints" / "6" / place).unlink()
    os.mkfifo(folder / "checkpoints" / "6" / place)
    with pytest.raises(DamagedError, match="named pipe"):
        read_trained(folder, "6")


def test_a_meta_that_is_far_too_large_is_damage_and_not_read(trained):
    _, folder, _ = trained
    with (folder / "checkpoints" / "6" / "meta" / "metadata").open("r+b") as file:
        file.truncate(8 << 30)
    with pytest.raises(DamagedError, match="8,589,934,592 bytes"):
        read_trained(folder, "6")


@pytest.mark.parametrize("which", ["9" * 5000, "7", "\u00b2"])
def test_a_step_that_is_none_is_named(which, trained):
    with pytest.raises(UserError, match=r"no checkpoint .*; there are 3, 6"):
        read_trained(trained[1], which)
