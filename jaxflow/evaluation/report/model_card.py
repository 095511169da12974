"""The model card: what the run folder knows of a model, for whoever is to use it, and what only people know.

Source: M. Mitchell et al., Model Cards for Model Reporting, FAT* 2019, whose headings these follow.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

from jaxflow.data.dataset import Dataset
from jaxflow.data.profiling.tokens import is_language_modelling
from jaxflow.errors import listed, program_name
from jaxflow.evaluation.report.tables import facts
from jaxflow.experiment import Experiment
from jaxflow.reports.blocks import Block, Code, Remark, Remarks, Section, Text
from jaxflow.reports.tables import Table
from jaxflow.schema import Schema

QUESTIONS = (
    "Who made the model, and who answers questions about it?",
    "What is it meant for, and what must it not be used for?",
    "Where do the data come from, who agreed to their use, and under which licence are they?",
    "Do the data hold personal details, and whom could a wrong answer harm?",
    "Under which licence may the model be used?",
    "When is it to be tested again, or replaced?",
)


def model_card(
    workdir: Path, experiment: Experiment, dataset: Dataset, page: Sequence[Section], known: Sequence[Remark]
) -> list[Section]:
    """Returns the sections of a model card: facts of the run, and questions where it holds none.

    Args:
      workdir: the run folder.
      experiment: what was trained.
      dataset: its data.
      page: sections of the report, whose tables are taken over.
      known: what must be known before the report's numbers are believed.
    """
    limits = [remark for remark in known if remark.severity != "good"]
    return [
        Section("What it is", [*_of(page, "Model"), Text(_takes(dataset.schema))]),
        Section("Data", [_source(experiment), *_of(page, "Data")]),
        Section("Training", [*_of(page, "Training"), *_of(page, "Environment"), *_of(page, "Make it again")[:1]]),
        Section("Results on the test split", [table for table in _of(page, "Can it be trusted?") if _is_short(table)]),
        Section("Where it errs more", _of(page, "Where it errs more")),
        Section("Limits", [Text(_limit(dataset.schema)), *([Remarks(limits)] if limits else [])]),
        Section("How to use it", [Code("", _command(workdir, dataset))]),
        Section(
            "What only people know",
            [Table("", ("question", "answer"), [[question, ""] for question in QUESTIONS], prose=True)],
        ),
    ]


def _of(page: Sequence[Section], title: str) -> list[Block]:
    """Returns what a section of the page says in words and tables; [] where there is none."""
    blocks = [block for section in page if section.title == title for block in section.blocks]
    return [block for block in blocks if isinstance(block, Text | Table | Code)]


def _is_short(block: Block) -> bool:
    return isinstance(block, Text) or (isinstance(block, Table) and not block.folded)


def _takes(schema: Schema) -> str:
    """Returns what goes in and what comes out."""
    inputs, target = schema.inputs, schema.target
    shape = " x ".join(map(str, inputs.shape))
    entering = f"{inputs.kind} inputs{f' of {shape}' if shape else ''}{f' ({inputs.dtype})' if inputs.dtype else ''}"
    kinds = {"class": "one of the classes", "number": "a value of", "labels": "any of the labels"}
    leaving = f"{kinds.get(target.kind, 'a class each of')} {listed(target.names)}"
    return f"It takes {entering} and answers{' at each position' if target.dense_shape else ''} with {leaving}."


def _source(experiment: Experiment) -> Table:
    data = experiment.data
    return facts("", {"source": type(data).__name__, "path": getattr(data, "path", None)})


def _limit(schema: Schema) -> str:
    if schema.target.kind == "class":
        return "It knows no other classes, and answers with one of them whatever the input is."
    return "It answers whatever the input is, also where nothing like it was trained on."


def _command(workdir: Path, dataset: Dataset) -> str:
    verb, more = ("generate", "--prompt TEXT") if is_language_modelling(dataset) else ("predict", "--input PATH")
    return f"{program_name()} {verb} --workdir {shlex.quote(str(workdir))} {more}"
