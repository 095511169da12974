"""What a flag may have meant that names no field, or whose value does not fit."""

import difflib
from collections.abc import Sequence

from jaxflow.errors import program_name
from jaxflow.experiment import Experiment
from jaxflow.flags.choose import field_at, parts_of
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
    near = nearest(name, [*(field for field, _ in flatten(experiment)), *others])
    hint = f"perhaps you meant --{near}" if near else f"{program_name()} --config FILE --help lists every field"
    return f"no field {flag.partition('=')[0]} in this experiment; {hint}"


def hint_for_value(experiment: Experiment, flags: Sequence[str]) -> str | None:
    """Returns how to write the value of a field that holds several, where one is written with commas or brackets."""
    for flag, following in zip(flags, [*flags[1:], ""]):
        name, _, value = flag.removeprefix("--").partition("=")
        value = value or following
        found = field_at(experiment, name) if flag.startswith("--") else None
        if found and isinstance(found[0], tuple) and ({*",[("} & {*value}):
            return f"write --{name} {' '.join(value.strip('[]()').replace(',', ' ').split())}"
    return None
