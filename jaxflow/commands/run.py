"""No verb: train, then evaluate the test split once."""

import argparse
import logging

from jaxflow.commands.arguments import BASELINES, EXPERIMENT, OVERWRITE, PROCESSES, Flag, select_experiment
from jaxflow.commands.summary import say_metrics, say_next, say_trained
from jaxflow.errors import UserError, program_name

HELP = "train, then evaluate the test split once"
FOLDS = Flag("folds", "all", "train and test every fold of data.split=KFold(...), each in a run folder, and their mean")
FLAGS = (*EXPERIMENT, OVERWRITE, FOLDS, BASELINES, *PROCESSES)
logger = logging.getLogger("jaxflow")


def run(arguments: argparse.Namespace) -> None:
    """Trains, or resumes the run, and evaluates the test split unless this was done already; with --folds of each."""
    if arguments.folds is not None:
        _run_folds(arguments)
        return
    from jaxflow.data.profiling.tokens import is_language_modelling
    from jaxflow.experiment import load_data
    from jaxflow.file_io import storage_error
    from jaxflow.training.loop import train

    experiment, workdir, source = select_experiment(arguments)
    with storage_error(workdir):
        dataset = load_data(experiment)
    if "test" not in dataset.splits:
        raise UserError(f"the data has no test split to evaluate; give it one, or run {program_name()} train")
    results = train(experiment, workdir, dataset=dataset, source=source, overwrite=arguments.overwrite)
    if results.get("test_step") != results["checkpoint_step"]:
        from jaxflow.evaluation.evaluate import evaluate  # now: what draws figures would delay the first step

        results = evaluate(workdir, experiment=experiment, dataset=dataset, baselines=arguments.baselines)
    say_trained(experiment, dataset, results)
    say_metrics(results)
    logger.info(f"run folder: {workdir}")
    logger.info(f"report: {workdir}/report/index.html")
    if is_language_modelling(dataset):
        say_next("generate", workdir, " --prompt TEXT")
    else:
        say_next("predict", workdir, " --input PATH")


def _run_folds(arguments: argparse.Namespace) -> None:
    """Trains and tests every fold, and shows what they say together."""
    if arguments.folds != "all":
        raise UserError(f"--folds is {arguments.folds}; it takes all. One fold alone: --data.split.fold=N")
    if not arguments.config:
        raise UserError("--folds needs --config FILE: each fold is a run of its own")
    from jaxflow.evaluation.cross_validation import cross_validate, format_estimate

    experiment, workdir, source = select_experiment(arguments)
    if not arguments.workdir:
        workdir = workdir.with_name(f"{workdir.name}-folds")
    estimates = cross_validate(
        experiment, workdir, source=source, overwrite=arguments.overwrite, baselines=arguments.baselines
    )
    for name, estimate in estimates.items():
        logger.info(f"test {name}: {format_estimate(estimate)}")
    logger.info(f"each fold is a run folder: {workdir}/fold-0, ...; together: {workdir}/folds.json")
