"""`python -m benchmarks`: jaxflow and its peers, interleaved in one run; writes results.json, RESULTS.md, a figure."""

import argparse
import datetime
import json
import os
import platform
from pathlib import Path
from typing import Any

import jax

from benchmarks import peers, report
from benchmarks.contender import Contender, memory_over_steps, take_turns
from benchmarks.photographs import photographs
from benchmarks.startup import first_steps
from benchmarks.stream import stream_memory
from jaxflow.runs.environment import environment

PEAK = "matmul peak"


def training(batch_size: int, python: str | None) -> list[Contender]:
    """Lists who trains the CIFAR network at a batch size; peers only where their interpreter is given."""
    batch = str(batch_size)
    entrants = [
        Contender("jaxflow", "jaxflow_train", (batch, "32" if batch_size > 32 else "0", "1", "32")),
        Contender("bare Flax", "flax_train", (batch, "cnn")),
        Contender(PEAK, "matmul_peak"),
    ]
    if python:
        entrants += [
            Contender("Keras on TensorFlow", "keras_train", (batch,), python, (("KERAS_BACKEND", "tensorflow"),)),
            Contender("Keras on JAX", "keras_train", (batch,), python, (("KERAS_BACKEND", "jax"),)),
            *(
                Contender(f"PyTorch {mode.replace('_', ' ')}", "torch_train", (batch, mode), python)
                for mode in ("eager", "channels_last", "compile")
            ),
        ]
    return entrants


def gpu_training(python: str | None) -> dict[str, list[Contender]]:
    """Lists who trains on a GPU, in bfloat16; PyTorch where its interpreter is given."""
    measured = {}
    for model, title in (("cnn", "the CIFAR network"), ("resnet", "ResNet-18")):
        entrants = [
            Contender("jaxflow", "jaxflow_train", ("512", "0", "1", "32", model, "bfloat16")),
            Contender(PEAK, "matmul_peak", ("bfloat16",)),
        ]
        if python:
            entrants.append(Contender("PyTorch compile", "torch_train", ("512", "bfloat16", model), python))
        measured[f"GPU training, {title}, bfloat16, batch 512"] = entrants
    return measured


def reading(python: str | None) -> dict[str, list[Contender]]:
    """Lists who reads photographs from files, by threads of its own process or by others."""
    folder = str(photographs())
    ours = {
        "jaxflow": "jaxflow folder 0",
        "jaxflow, 2 workers": "jaxflow folder 2",
        "jaxflow from TFDS": "jaxflow tfds 0",
        "jaxflow from TFDS, 2 workers": "jaxflow tfds 2",
    }
    peers = {
        "torchvision": "torch 0",
        "torchvision, 2 workers": "torch 2",
        "tf.data": "tf.data antialiased",
        "tf.data, not antialiased": "tf.data",
    }
    return {
        "input from JPEG files": [Contender(name, "files", (who, folder)) for name, who in ours.items()]
        + [Contender(name, "files", (who, folder), python) for name, who in peers.items() if python]
    }


def scaling() -> dict[str, list[Contender]]:
    """Lists who shows that cost grows as the work does: with batch, data, width, image side and virtual devices."""

    def pair(batch: str, width: str = "1", side: str = "32") -> list[Contender]:
        return [
            Contender("jaxflow", "jaxflow_train", (batch, "0" if batch == "16" else "32", width, side)),
            Contender("bare Flax", "flax_train", (batch, "cnn", width, side)),
        ]

    measured = {f"scaling, batch {batch}": pair(batch) for batch in ("16", "64", "256", "1024")}
    measured |= {f"scaling, width x{width}, batch 64": pair("64", width=width) for width in ("2", "4")}
    measured |= {f"scaling, {side}x{side} pixels, batch 64": pair("64", side=side) for side in ("48", "64")}
    measured["scaling, number of images"] = [
        Contender(name, "jaxflow_train", ("64", "32", "1", "32", "cnn", "float32", count))
        for name, count in (("jaxflow", "8192"), ("jaxflow, 8 times the images", "65536"))
    ]
    measured["scaling, virtual devices on the same cores, batch 128"] = [
        Contender(
            "jaxflow" if count == 1 else f"jaxflow, {count} devices",
            "jaxflow_train",
            ("128", "32", "1", "32"),
            environment=(("XLA_FLAGS", f"--xla_force_host_platform_device_count={count}"),),
        )
        for count in (1, 2, 4)
    ]
    return measured


def groups(python: str | None, gpu: bool) -> dict[str, list[Contender]]:
    """Lists the groups of contenders that are measured against each other."""
    measured = {f"training, batch {size}": training(size, python) for size in (32, 128, 512)}
    measured["loop, small MLP, batch 64"] = [
        Contender("jaxflow", "jaxflow_train", ("64", "0", "1", "32", "mlp")),
        Contender("bare Flax", "flax_train", ("64", "mlp")),
    ]
    for size in (1, 256):
        # A single image is too little work to share: a second thread would only be waited for.
        one_thread = (("PJRT_NPROC", "1"),) if size == 1 else ()
        ours = [Contender("jaxflow", "inference", (str(size), "jaxflow"), environment=one_thread)]
        if one_thread:
            ours.append(Contender("jaxflow, all threads", "inference", (str(size), "jaxflow")))
        measured[f"inference, batch {size}"] = ours
        if python:
            measured[f"inference, batch {size}"] += [
                Contender(name, "inference", (str(size), name), python) for name in ("onnxruntime", "torch", "keras")
            ]
    measured["input with flip and crop"] = [Contender("jaxflow", "pipeline", ("jaxflow",))]
    if python:
        measured["input with flip and crop"] += [
            Contender(name, "pipeline", (name,), python) for name in ("torch", "tf.data")
        ]
    return measured | reading(python) | scaling() | (gpu_training(python) if gpu else {})


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="turns that each contender has (default 7)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a turn (default 2)")
    parser.add_argument("--only", default="", help="measure groups whose name holds this text")
    parser.add_argument("--no-peers", action="store_true", help="leave other frameworks out: nothing is installed")
    parser.add_argument("--python", help="an interpreter that has the peers already, for example torch with CUDA")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"), help="folder for the results")
    flags = parser.parse_args()
    # Else each process that sees a GPU, this one too, reserves most of its memory, and the next one finds none.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    python = None if flags.no_peers else flags.python or str(peers.python())
    results: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "system": platform.platform()},
        "versions": environment()["versions"],
        "peers": peers.versions(Path(python)) if python else {},
        "rounds": flags.rounds,
        "seconds": flags.seconds,
        "groups": {},
    }
    for name, contenders in groups(python, jax.default_backend() == "gpu").items():
        if flags.only in name:
            print(name)
            results["groups"][name] = take_turns(contenders, flags.rounds, flags.seconds)
            for line in report.lines(name, results["groups"][name]):
                print(f"  {line}")
    if flags.only in "memory":
        print("memory")
        results["memory"] = memory_over_steps(Contender("jaxflow", "jaxflow_train", ("32", "0", "1", "32")), 32, 1000)
        print(f"  {report.memory_line(results['memory'])}")
    if flags.only in "memory of a stream":
        print("memory of a stream")
        results["memory of a stream"] = stream_memory()
        print(f"  {report.stream_line(results['memory of a stream'])}")
    if flags.only in "first step":
        print("first step")
        results["first step"] = first_steps(python, flags.rounds)
        for who, seconds in results["first step"].items():
            print(f"  {who:<28}{seconds:8.2f} s")
    flags.out.mkdir(parents=True, exist_ok=True)
    (flags.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    report.write(results, flags.out)
    print(f"written: {flags.out}/RESULTS.md, results.json, speed.png")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
