"""What a flag may have meant that names no field."""

import difflib
import shlex
from collections.abc import Sequence

from jaxflow.errors import listed, program_name
from jaxflow.experiment import Experiment
from jaxflow.flags.choose import classes_for, field_at, parts_of
from jaxflow.serialization import flatten

# What other programs call it.
OTHER_NAMES = {
    "lr": "learning_rate",
    "wd": "weight_decay",
    "bs": "batch_size",
    "batch": "batch_size",
    "epoch": "epochs",
    "gpu": "device",
    "cuda": "device",
    "accelerator": "device",
    "out": "workdir",
    "output_dir": "workdir",
    "log_dir": "workdir",
    "logdir": "workdir",
    "experiment": "config",
    "cfg": "config",
    "ema": "ema_decay",
    "workers": "num_workers",
}


def nearest(name: str, known: Sequence[str]) -> str | None:
    """Returns the known name that a wrong one may have meant; None if there is none like it.

    Args:
      name: without dashes.
      known: dotted names.
    """
    name = name.replace("-", "_")
    last = name.rpartition(".")[2]
    meant = OTHER_NAMES.get(last, last)
    # The last part counts most: --learning_rate means --optimizer.learning_rate.
    near = [field for field in known if field.replace("-", "_").rpartition(".")[2] == meant]
    return next(iter(near + difflib.get_close_matches(name, known, n=1, cutoff=0.6)), None)


def hint_for_unknown(experiment: Experiment, flag: str, others: Sequence[str] = ()) -> str:
    """Returns the error for a flag that names no field of an experiment.

    Args:
      experiment: the experiment.
      flag: the word, with its value if it holds one.
      others: names of the command's other flags.
    """
    if not flag.startswith("--"):
        if flag.startswith("-") and len(flag) > 1:
            return f"no flag {flag}; flags begin with two dashes: --{flag.lstrip('-')}"
        return f"{flag!r} belongs to no flag; a flag is --NAME=VALUE, and {program_name()} --help lists the verbs"
    name = flag.lstrip("-").partition("=")[0].removesuffix("+").replace("-", "_")
    found = field_at(experiment, name)
    if found is not None and parts_of(found[1]):
        return f"--{name} takes the name of a class, --{name}=CLASS, and its fields are set by --{name}.FIELD=VALUE"
    if said := _hint_for_path(experiment, name, flag):
        return said
    near = nearest(name, [*(field for field, _ in flatten(experiment)), *others])
    hint = f"perhaps you meant --{near}" if near else f"{program_name()} --config FILE --help lists every field"
    return f"no field {flag.partition('=')[0]} in this experiment; {hint}"


def _hint_for_path(experiment: Experiment, name: str, flag: str) -> str:
    """Returns the error for a flag that names a field and goes on where nothing is; "" for any other."""
    names = name.split(".")
    for place in range(1, len(names) + 1):
        path, rest = ".".join(names[:place]), ".".join(names[place:])
        if (found := field_at(experiment, path)) is None:
            break
        held, parts = found[0], classes_for(parts_of(found[1]))
        if parts and isinstance(held, tuple) and names[place : place + 1] and names[place].isdecimal():
            if int(names[place]) >= len(held):
                return f"--{path} has {len(held)} parts, counted from 0; --{path}+=CLASS adds one: {listed(parts)}"
        elif parts and rest and isinstance(held, str | None):
            return f"--{path} is {held!r}, which has no fields; --{path}=CLASS takes {listed(parts)}"
        elif isinstance(held, tuple) and not parts and (rest or flag.partition("=")[0].endswith("+")):
            before = [] if rest else map(str, held)
            return f"--{path} is set as a whole: --{path} {shlex.join([*before, flag.partition('=')[2] or 'VALUE'])}"
    return ""
