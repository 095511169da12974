"""What does not fit is known before it is allocated: XLA's own bytes, what a control group and a process may take."""

import dataclasses
import os
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

import jaxflow
from jaxflow.runtime import host_memory
from jaxflow.training.eval_loop import evaluate_split
from jaxflow.training.parallel import memory
from jaxflow.training.parallel.compile import parallelize
from jaxflow.training.parallel.layout import Layout, bytes_per_device
from jaxflow.training.prepare import prepare_training
from tests.conftest import ROOT
from tests.test_hyperparameters import compilations


def test_the_peak_counts_arguments_results_and_what_is_between():
    megabyte = jax.ShapeDtypeStruct((512, 512), jnp.float32)
    alone = Layout(tuple(jax.devices()[:1]))
    products = parallelize(lambda x: (jnp.sin(x) @ x) @ x, alone)
    assert 3 * 2**20 <= memory.peak_bytes(products, megabyte) <= 4 * 2**20  # x, what is multiplied first, the result
    donated = parallelize(lambda x: x + 1, alone, donate=(0,))
    assert memory.peak_bytes(donated, megabyte) == 2**20


@pytest.mark.parametrize("devices", [1, 4])
def test_a_step_that_does_not_fit_is_refused_before_there_is_a_folder(devices, experiment, toy, tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda *a, real=jax.devices: real(*a)[:devices])
    state = bytes_per_device(prepare_training(experiment, toy).program.abstract_state())
    monkeypatch.setattr(memory, "free_host_bytes", lambda: devices * state)  # for the state, and not for a step
    with pytest.raises(
        jaxflow.UserError, match=r"^a train step needs .*B (on cpu|on each of 4 devices), and .*B is free"
    ):
        jaxflow.train(experiment, tmp_path / "run", dataset=toy)
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(memory, "free_host_bytes", lambda: devices * state - 1)
    with pytest.raises(jaxflow.UserError, match=r"^the train state .* use a smaller model"):
        jaxflow.train(experiment, tmp_path / "run", dataset=toy)
    monkeypatch.undo()


def test_the_check_compiles_nothing_twice(experiment, toy, tmp_path):
    fresh = dataclasses.replace(experiment, model=jaxflow.MLP(hidden=(13,)))
    session = prepare_training(fresh, toy)
    _, first = compilations(lambda: session.program.compile_train_steps(session.pipeline))
    state = session.init()
    train_steps, again = compilations(lambda: session.program.compile_train_steps(session.pipeline, state))
    items, totals = session.pipeline.step_inputs(0, 1), session.program.empty_metrics()
    _, called = compilations(lambda: train_steps(state, totals, session.pipeline.device_data, items, 1))
    assert (len(first), again, called) == (1, [], [])


@pytest.mark.parametrize("devices", [1, 4])
def test_an_evaluation_that_does_not_fit_is_refused(devices, experiment, toy, tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "devices", lambda *a, real=jax.devices: real(*a)[:devices])
    short = dataclasses.replace(experiment, epochs=0.1, model=dataclasses.replace(experiment.model, hidden=(9,)))
    session = prepare_training(short, toy)
    state, test = session.init(), toy.splits["test"]
    _, first = compilations(lambda: session.program.check_evaluation_fits(12))
    step, layout = session.program.compile_eval_step(), session.program.layout
    _, again = compilations(lambda: evaluate_split(step, state.variables(), test, 12, layout))
    assert [name for name in first if name in again] == []  # what was compiled for the check evaluates
    monkeypatch.setattr(memory, "free_host_bytes", lambda: 100)
    with pytest.raises(jaxflow.UserError, match=r"an evaluation of 12 examples at once needs .*B .* 100 bytes is free"):
        session.program.check_evaluation_fits(12)


def test_a_device_says_what_it_has_left():
    class Accelerator:
        platform = "gpu"

        def __init__(self, stats):
            self.memory_stats = lambda: stats

    assert memory.free_bytes(Accelerator({"bytes_limit": 100, "bytes_in_use": 30})) == 70
    assert memory.free_bytes(Accelerator(None)) is None


def test_an_error_of_a_device_is_one_line():
    expected = r"^out of memory \(RESOURCE_EXHAUSTED: .*\); buy some$"
    with pytest.raises(jaxflow.UserError, match=expected), memory.memory_error("buy some"):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes.\nmore\nlines")
    with pytest.raises(jax.errors.JaxRuntimeError), memory.memory_error(""):
        raise jax.errors.JaxRuntimeError("INTERNAL: something else")


@pytest.mark.parametrize("version", [1, 2])
def test_control_groups_leave_what_their_limits_say(version, tmp_path, monkeypatch):
    group = tmp_path / "cgroup" / ("memory/job" if version == 1 else "job")
    group.mkdir(parents=True)
    names = {1: ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")}
    limit, used, inactive = names.get(version, ("memory.max", "memory.current", "inactive_file"))
    (group / limit).write_text("1000\n")
    (group / used).write_text("700\n")
    (group / "memory.stat").write_text(f"anon 5\n{inactive} 150\n")
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text("3:cpu:/x\n4:memory:/job\n" if version == 1 else "0::/job/step\n")
    monkeypatch.setattr(host_memory, "PROCESS", tmp_path / "self")
    monkeypatch.setattr(host_memory, "GROUPS", tmp_path / "cgroup")
    assert [allowed - taken for allowed, taken in host_memory._control_groups()] == [450]
    assert host_memory.allowed_host_bytes() == 1000
    assert host_memory.free_host_bytes() == 450
    (group / limit).write_text("max\n")
    assert list(host_memory._control_groups()) == []


@pytest.mark.slow
def test_a_model_beyond_the_limit_on_address_space_is_one_line(tmp_path):
    program = f"""
import resource, sys
import jax, jaxflow
jax.numpy.zeros(1).block_until_ready()  # what XLA reserves for itself is taken
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + (1 << 30)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
wide = jaxflow.Experiment(
    data=jaxflow.Digits(), preprocess=(jaxflow.Scale(),), model=jaxflow.MLP(hidden=(12000, 12000)),
    problem=jaxflow.Classification(), optimizer=jaxflow.Adam(),
)
try:
    jaxflow.train(wide, {str(tmp_path / "run")!r})
except jaxflow.UserError as error:
    sys.exit(str(error))
"""
    environment = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert re.fullmatch(
        r"the train state .* needs 1\.7 GB on cpu, and \d.* MB is free; use a smaller model.*\n", done.stderr
    )
    assert not (tmp_path / "run").exists()
