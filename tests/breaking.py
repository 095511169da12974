"""Breaks a command at the n-th thing it does to files: kills the process there, or lets the operating system refuse.

A process imports everything once and forks a child for each command, before the backend starts (`python -m
tests.breaking`): a child costs what a run costs, and no imports.
"""

import builtins
import importlib
import io
import json
import os
import resource
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

CHANGING = ("fsync", "replace", "rename", "mkdir", "unlink", "remove", "rmdir", "ftruncate", "link", "symlink")
READING = ("listdir", "scandir", "stat")
# Imported once, before the first fork; nothing of it starts threads or JAX's backend.
PRELOADED = (
    "clu.parameter_overview",
    "matplotlib.backends.backend_agg",
    "orbax.checkpoint",
    "pyarrow.parquet",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "jaxflow.commands.train",
    "jaxflow.data.sources.image_folder",
    "jaxflow.deployment.predict",
    "jaxflow.deployment.from_run",
    "jaxflow.evaluation.evaluate",
    "jaxflow.exploration.explore",
    "jaxflow.models.mlp",
    "jaxflow.training.loop",
    "jaxflow.training.replay",
)


def break_at(number: int | None, folders: tuple[str, ...], refuse: int | None) -> Callable[[], int]:
    """Counts what this process does to files below some folders, and breaks it at one of these points.

    Args:
      number: the point, from 0: of a change the even points lie before it, the odd ones after it. None breaks nothing.
      folders: where changes count.
      refuse: None kills the process by SIGKILL; else the number of the error that is raised, before the operation.

    Returns:
      A function that returns how many points were passed.
    """
    count, guard, files = 0, threading.Lock(), {}

    def concerned(target: Any) -> bool:
        if isinstance(target, int):
            target = files.get(target, "")
        try:
            path = os.path.abspath(os.fsdecode(target))
        except TypeError:
            return False
        return path.startswith(folders)

    def pass_point(operation: str, target: Any) -> None:
        nonlocal count
        with guard:
            here, count = count, count + 1
            if here != number:
                return
            print(f"broken at {here}: {operation} {target}", file=sys.__stderr__, flush=True)
            if refuse is None:
                os.kill(os.getpid(), signal.SIGKILL)
        if refuse is not None:
            raise OSError(refuse, os.strerror(refuse), os.fsdecode(target) if not isinstance(target, int) else None)

    def wrapped(name: str, real: Callable[..., Any], after: bool) -> Callable[..., Any]:
        def act(*args: Any, **named: Any) -> Any:
            if not args or not concerned(args[0]):
                return real(*args, **named)
            pass_point(f"before {name}", args[0])
            result = real(*args, **named)
            if after and refuse is None:
                pass_point(f"after {name}", args[0])
            return result

        return act

    def opening(real: Callable[..., Any]) -> Callable[..., Any]:
        def act(file: Any, mode: str = "r", *args: Any, **named: Any) -> Any:
            writes = any(letter in mode for letter in "wax+")
            counts = not isinstance(file, int) and concerned(file) and (writes or refuse is not None)
            if counts:
                pass_point(f"before open {mode}", file)
            opened = real(file, mode, *args, **named)
            if not isinstance(file, int):
                files[opened.fileno()] = file
            if counts and writes and refuse is None:
                pass_point(f"after open {mode}", file)
            return opened

        return act

    for name in (*CHANGING, *(READING if refuse is not None else ())):
        setattr(os, name, wrapped(name, getattr(os, name), after=name in CHANGING))
    builtins.open = io.open = opening(io.open)
    real_open = os.open

    def open_file(path: Any, flags: int, *args: Any, **named: Any) -> int:
        counts = concerned(path) and bool(flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR))
        if counts:
            pass_point("before os.open", path)
        number = real_open(path, flags, *args, **named)
        files[number] = path
        return number

    os.open = open_file
    # By functions of the library that hold the real ones: this one goes through those above.
    shutil._use_fd_functions = False  # type: ignore[attr-defined]
    return lambda: count


def run(command: dict[str, Any]) -> None:
    """Runs a command of jaxflow in this process, broken as it says, and ends the process with its exit status."""
    os.chdir(command["cwd"])
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        file = os.open(command[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
    os.environ |= command["environment"]
    sys.argv = ["launch.py", *command["argv"]]
    from jaxflow.commands import main

    passed = break_at(command.get("number"), tuple(command["folders"]), command.get("refuse"))
    if limit := command.get("max_file_bytes"):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    status = main.main(command["argv"])
    print(f"points: {passed()}", file=sys.__stdout__, flush=True)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def serve() -> None:
    """Reads commands from standard input, one JSON line each, and answers each with its wait status."""
    for name in PRELOADED:
        importlib.import_module(name)
    importlib.import_module("PIL.Image").init()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            try:
                run(json.loads(line))
            except BaseException:
                traceback.print_exc()
            os._exit(70)
        print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])), flush=True)


if __name__ == "__main__":
    serve()
