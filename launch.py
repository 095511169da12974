"""The front door: python launch.py [VERB] [--config FILE] [--workdir DIR] [--FIELD=VALUE ...]."""

import argparse
import contextlib
import difflib
import logging
import sys
import traceback
from pathlib import Path

USAGE = """usage: python launch.py [VERB] [--config FILE] [--workdir DIR] [--FIELD=VALUE ...]

  (no verb)   train, then evaluate the test split once
  explore     describe the data before anything is trained: data.json, report/data.html
  train       train, or go on where the run folder stopped
  evaluate    evaluate the test split: metrics, predictions/test.csv, report/index.html
  predict     predict new data: --input PATH [--output FILE] [--submission CLASS, for Kaggle: id,label]
  generate    go on with a text as a language model would: --prompt TEXT [--tokens N] [--temperature T] [--seed N]
  replay      compute a past step again and compare it with the log: --step N

  --config FILE      experiment file, for example experiments/digits_cnn.py
  --workdir DIR      run folder; without it runs/<experiment>[-overrides]. After training it is all a verb needs
  --overwrite        start again in a folder that holds a run (train)
  --checkpoint WHICH last, best (by validation) or a step (evaluate, predict, generate)
  --quiet            print nothing but errors
  --no-cache         compile anew instead of taking programs from ~/.cache/jaxflow ($JAXFLOW_CACHE_DIR)
  --FIELD=VALUE      change any field of the experiment; --config FILE --help lists them all

several processes, each with its devices (train, evaluate, no verb; docs/multihost.md):
  --coordinator HOST:PORT --num-processes N --process-id I
                     join the others; process 0 listens there. Under srun, mpirun and on TPU pods JAX finds them, and
                     --coordinator auto lets it try elsewhere
  --local-processes N  start N processes on this machine, for trying out

exit status: 0 done, 2 a mistake in what was asked for, 75 stopped by a signal and saved (launch again to go on),
130 interrupted before or after training, 1 anything else"""

logger = logging.getLogger("jaxflow")

PROCESSES = ("coordinator", "num-processes", "process-id")
FLAGS = {
    "run": ("overwrite", *PROCESSES, "local-processes"),
    "explore": (),
    "train": ("overwrite", *PROCESSES, "local-processes"),
    "evaluate": ("checkpoint", *PROCESSES, "local-processes"),
    "predict": ("checkpoint", "input", "output", "submission"),
    "generate": ("checkpoint", "prompt", "tokens", "temperature", "seed"),
    "replay": ("step",),
}
SWITCHES = ("overwrite", "quiet", "no-cache")


def parse(argv: list[str]) -> tuple[str, argparse.Namespace, list[str]]:
    """Splits a command line into the verb, its own flags, and flags for the experiment."""
    verb = argv[0] if argv and not argv[0].startswith("-") else "run"
    if verb not in FLAGS or (verb == "run" and argv[:1] == ["run"]):
        near = difflib.get_close_matches(verb, [name for name in FLAGS if name != "run"], n=1)
        fail(f"no verb {verb!r}" + (f"; perhaps you meant {near[0]}" if near else "; launch.py --help lists them"))
    parser = argparse.ArgumentParser(prog="launch.py", add_help=False, allow_abbrev=False)
    parser.error = lambda message: fail(f"{message}; launch.py {verb} --help lists the flags")
    for flag in ("config", "workdir", "quiet", "no-cache", *FLAGS[verb]):
        if flag in SWITCHES:
            parser.add_argument(f"--{flag}", action="store_true")
        else:
            parser.add_argument(f"--{flag}", default="last" if flag == "checkpoint" else None)
    parser.add_argument("--help", "-h", action="store_true")
    flags, rest = parser.parse_known_args(argv[1:] if argv[:1] == [verb] else argv)
    for word in rest:
        if word in FLAGS:
            fail(f"the verb comes first: launch.py {word} ...")
        owners = [owner for owner, own in FLAGS.items() if word.lstrip("-").partition("=")[0] in own]
        if word.startswith("--") and owners:
            named = " and ".join(owners).replace("run", "(no verb)")
            fail(f"{word.partition('=')[0]} belongs to {named}, not to {verb}")
    return verb, flags, rest


def fail(message: str) -> None:
    """Reports the user's mistake in one line."""
    print(f"error: {message}", file=sys.stderr)
    sys.exit(2)


def main(argv: list[str]) -> int:
    """Runs a verb and returns the exit status."""
    verb, flags, overrides = parse(argv)
    if not (flags.config or flags.workdir):
        print(USAGE)
        if not flags.help:
            fail("say what to run: --config FILE, or --workdir DIR for a run that exists")
        return 0
    from jaxflow.errors import RESUMABLE, StoppedError, UserError

    try:
        if getattr(flags, "local_processes", None) is not None and not flags.help:
            return run_locally(flags, argv)
        prepare(verb, flags)
        from jaxflow.console import show_messages
        from jaxflow.runtime.distributed import is_main

        with show_messages() if is_main() and not flags.quiet else contextlib.nullcontext():
            return run(verb, flags, overrides)
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        status = 2
    except StoppedError as stopped:
        print(stopped, file=sys.stderr)
        return RESUMABLE
    except KeyboardInterrupt:
        print("interrupted; launch again to go on from the last checkpoint", file=sys.stderr)
        status = 130
    except Exception:
        # Not left to Python: the other processes would wait for this one.
        traceback.print_exc()
        status = 1
    from jaxflow.runtime.distributed import abort

    return abort(status)


def run_locally(flags: argparse.Namespace, argv: list[str]) -> int:
    """Starts this command again as several processes."""
    from jaxflow.errors import UserError
    from jaxflow.runtime.local_processes import run_here

    if flags.coordinator or flags.num_processes or flags.process_id:
        raise UserError(f"--local-processes says all; leave out {', '.join(f'--{name}' for name in PROCESSES)}")
    at = [word.partition("=")[0] for word in argv].index("--local-processes")
    rest = argv[:at] + argv[at + (1 if "=" in argv[at] else 2) :]
    return run_here([sys.executable, str(Path(__file__).resolve()), *rest], flags.local_processes)


def prepare(verb: str, flags: argparse.Namespace) -> None:
    """Does what must be done before JAX starts."""
    from jaxflow.runtime.startup import enable_compilation_cache, quiet_libraries, relax_gc, tune_allocator

    relax_gc()
    quiet_libraries()
    from jaxflow.data.storage.cache import cache_folder

    tune_allocator()
    if not flags.no_cache:
        enable_compilation_cache(cache_folder() / "programs")
    if "coordinator" in FLAGS[verb] and not flags.help:
        from jaxflow.runtime.distributed import join

        join(flags.coordinator, flags.num_processes, flags.process_id)


def run(verb: str, flags: argparse.Namespace, overrides: list[str]) -> int:
    """Builds the experiment and hands it to the verb's function."""
    import jaxflow
    from jaxflow.runs.folder import default_workdir, read_experiment

    source = Path(flags.config) if flags.config else None
    experiment = jaxflow.load(source) if source else read_experiment(Path(flags.workdir))
    if flags.help:
        from jaxflow.flags import describe

        print(USAGE, end="\n\n")
        print(describe(experiment, f"launch.py {'' if verb == 'run' else verb + ' '}--config {source or 'FILE'}"))
        return 0
    written = experiment
    if overrides:
        from jaxflow.flags import override

        experiment = override(experiment, overrides)
    workdir = Path(flags.workdir) if flags.workdir else default_workdir(source, written, experiment)

    if verb in ("run", "train"):
        from jaxflow.experiment import load_data

        dataset = load_data(experiment)
        results = jaxflow.train(experiment, workdir, dataset=dataset, source=source, overwrite=flags.overwrite)
        if verb == "run" and results.get("test_step") != results["steps"]:
            results = jaxflow.evaluate(workdir, experiment=experiment, dataset=dataset)
        summarize(results, verb)
        logger.info(f"run folder: {workdir}")
        if verb == "train":
            logger.info(f"next: python launch.py evaluate --workdir {workdir}")
        else:
            logger.info(f"look at: {workdir}/report/index.html")
            logger.info(f"next: python launch.py predict --workdir {workdir} --input PATH")
    elif verb == "explore":
        jaxflow.explore(experiment, workdir)
        logger.info(f"look at: {workdir}/report/data.html")
    elif verb == "evaluate":
        summarize(jaxflow.evaluate(workdir, experiment=experiment, checkpoint=flags.checkpoint), verb)
        logger.info(f"look at: {workdir}/report/index.html")
    elif verb == "predict":
        if not flags.input:
            fail("predict needs --input PATH: an .npy or .npz array, an image, a folder of images, a table or texts")
        asked = {"submission": flags.submission, "checkpoint": flags.checkpoint}
        output = jaxflow.predict(workdir, flags.input, flags.output, experiment=experiment, **asked)
        logger.info(f"predictions: {output}")
    elif verb == "generate":
        if flags.prompt is None:
            fail("generate needs --prompt TEXT, how the text begins")
        kinds = {"tokens": int, "temperature": float, "seed": int}
        asked = {name: getattr(flags, name) for name in kinds if getattr(flags, name) is not None}
        asked = {name: number(name, text, kinds[name]) for name, text in asked.items()}
        asked |= {"checkpoint": flags.checkpoint, "experiment": experiment}
        logger.info(flags.prompt + jaxflow.generate(workdir, [flags.prompt], **asked)[0])
    else:
        if not (flags.step or "").isdecimal():
            fail("replay needs --step N, the number of a training step")
        metrics, logged = jaxflow.replay(workdir, int(flags.step), experiment=experiment)
        logger.info(f"step {flags.step} again: " + "  ".join(f"{name} {value:.9g}" for name, value in metrics.items()))
        logger.info("logged then: " + ("no line for this step" if logged is None else f"loss {logged:.9g}"))
    return 0


def number(name: str, text: str, kind: type) -> int | float:
    """Reads the number that a flag holds."""
    try:
        return kind(text)
    except ValueError:
        return fail(f"--{name} is {text}; it takes a number")


def summarize(results: dict, verb: str) -> None:
    """Prints the metrics of a run."""
    from jaxflow.console import format_metrics

    for split in ("validation", "test", "baseline"):
        if split in results and not (split != "validation" and verb == "train"):
            logger.info(f"{split}: {format_metrics(results[split])}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
