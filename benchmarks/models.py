"""`python -m benchmarks.models`: each model's compile and step time beside PyTorch's, on the CPU, in turns."""

import argparse
import os
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from benchmarks import peers
from benchmarks.contender import Contender, ratio, take_turns
from benchmarks.workers.networks import NETWORKS

HEADER = "| model | jaxflow | PyTorch | jaxflow is | compiled in | first step of PyTorch | load |"


def row(name: str, results: Mapping[str, Sequence[Mapping[str, Any]]], examples: int, load: float) -> str:
    """Writes one line of the table.

    Args:
      name: the network's.
      results: the answers of each contender.
      examples: rows of a batch.
      load: processes that wanted a core in the last minute, on average.
    """
    both = [results.get(who, ()) for who in ("jaxflow", "PyTorch")]
    steps = [
        f"{1e3 * median(r['seconds'] * examples / r['examples'] for r in one):.1f} ms" if one else "-" for one in both
    ]
    times = f"x{ratio(results, 'jaxflow', 'PyTorch'):.2f}" if all(both) else "-"
    starts = [f"{one[0]['compile_seconds']:.1f} s" if one else "-" for one in both]
    return f"| {' | '.join([name, *steps, times, *starts])} | {load:.1f} |"


def main() -> None:
    """Measures what the command line asks for, and prints a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.models", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="turns that each of the two has (default 7)")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a turn (default 2)")
    parser.add_argument("--only", default="", help="measure models whose name holds this text")
    parser.add_argument("--no-peers", action="store_true", help="leave PyTorch out: nothing is installed")
    flags = parser.parse_args()
    python = None if flags.no_peers else str(peers.python())
    print(f"{HEADER}\n|{' --- |' * 7}")
    for name, network in NETWORKS.items():
        if flags.only in name:
            contenders = [Contender("jaxflow", "model_train", ("jaxflow", name))]
            contenders += [Contender("PyTorch", "model_train", ("torch", name), python)] if python else []
            results = take_turns(contenders, flags.rounds, flags.seconds)
            print(row(name, results, network.inputs[0], os.getloadavg()[0]), flush=True)


if __name__ == "__main__":
    main()
