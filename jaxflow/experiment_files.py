"""Experiment files as modules: how they are run, and how modules that lie beside them are imported.

An experiment file runs as the module `jaxflow_experiment_<stem>`; under this name, which JSON and pickle write, its
classes are found again. While it runs, and while its get_config() does, `import NAME` also finds NAME.py in its folder,
as the module `jaxflow_experiment_NAME`, so that the classes in it are found again too. It is looked for after all else,
so a numpy.py there shadows nothing. The files that were imported so are copied into the run folder, where the same
happens: the copy of the experiment file runs, and imports the copies beside it. Of a run folder only bytes that were
checked are executed (`runs/trust.py`), and no other file of it is found.

Each load starts anew: a module that another experiment imported under the same name from its own folder is not used.
Packages (folders) beside the file are not found, and neither are imports that first happen during training.
"""

import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from jaxflow.errors import UserError
from jaxflow.serialization import FILE_MODULE
from jaxflow.user_code import blame, describing_only

# Bytes of a file's name: its copy in the run folder is written under a longer one first.
MAX_NAME = 200
# By experiment file: the files beside it that it imported when it was last loaded in this process.
_imported: dict[Path, tuple[Path, ...]] = {}


class _Loader(SourceFileLoader):
    """Runs a file once for an `ExperimentFolder`, always from its source: no __pycache__ in a folder of the user's."""

    def __init__(
        self, name: str, path: str, modules: dict[str, ModuleType], sources: Mapping[str, bytes] | None
    ) -> None:
        super().__init__(name, path)
        self.modules, self.sources = modules, sources

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Returns the module of a file that has run, or still runs and is imported in a circle."""
        return self.modules.get(self.path)

    def exec_module(self, module: ModuleType) -> None:
        """Runs the file if it has not run yet."""
        if self.path in self.modules:
            return
        self.modules[self.path] = module
        try:
            super().exec_module(module)
        except BaseException:
            del self.modules[self.path]
            raise

    def get_data(self, path: str) -> bytes:
        """Returns the text of the file, which is UTF-8; where texts were checked before, the one that was."""
        if len(os.fsencode(Path(path).name)) > MAX_NAME:
            raise UserError(f"{path} has a name of more than {MAX_NAME} bytes; choose a shorter one")
        data = super().get_data(path) if self.sources is None else self.sources[Path(path).name]
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise UserError(f"{path} is not UTF-8 at byte {error.start}; save it as UTF-8") from error
        return data

    def path_stats(self, path: str) -> Any:
        """Raises OSError, which is how Python is told that there is no bytecode to read or write."""
        raise OSError

    def __reduce__(self) -> tuple[Any, ...]:  # worker processes get copies of modules
        return SourceFileLoader, (self.name, self.path)


class ExperimentFolder(MetaPathFinder):
    """A folder with an experiment file, as the import system asks it for modules.

    Attributes:
      folder: the folder.
      sources: the texts of its files by name, where no others may run; None takes them from disk.
      modules: by path, the module of each file that has run.
    """

    def __init__(self, folder: Path, sources: Mapping[str, bytes] | None = None) -> None:
        self.folder, self.sources = folder, sources
        self.modules: dict[str, ModuleType] = {}

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Returns how to import a module of the folder, or None if the name means something else or nothing."""
        file = self.folder / f"{fullname}.py"
        exists = file.is_file() if self.sources is None else file.name in self.sources
        if path is not None or "." in fullname or not exists:
            return None
        others = (finder.find_spec(fullname, None) for finder in sys.meta_path if finder is not self)
        found = next((spec for spec in others if spec is not None), None)
        # The folder itself may be on Python's path, in a notebook for example: then the file is found there, too.
        elsewhere = found is not None and not (found.origin and file.samefile(found.origin))
        return None if elsewhere else self._spec(file)

    def execute(self, file: Path) -> ModuleType:
        """Runs a file of the folder as a module, or returns the module of one that has run.

        Raises:
          UserError: the file does not run; the line is named.
        """
        spec = self._spec(file)
        assert spec.loader is not None
        run, module = spec.loader.exec_module, importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # before it runs: dataclasses look their module up while they are made
        blame(file, lambda: run(module))
        return module

    def files(self) -> tuple[Path, ...]:
        """Returns the paths of the files that have run, in the order in which they began."""
        return tuple(map(Path, self.modules))

    def _spec(self, file: Path) -> ModuleSpec:
        name = FILE_MODULE + file.stem
        loader = _Loader(name, str(file), self.modules, self.sources)
        spec = importlib.util.spec_from_file_location(name, file, loader=loader)
        assert spec is not None
        return spec


@contextmanager
def importable(folder: Path, sources: Mapping[str, bytes] | None = None) -> Iterator[ExperimentFolder]:
    """Opens a folder for imports: its modules can be imported within the context.

    Args:
      folder: where the experiment file lies.
      sources: the texts of its files by name, where no others may run; None takes them from disk.

    Yields:
      The folder, which runs files and knows which have run.
    """
    # One experiment file may load another: what lies beside the outer one is not the inner one's.
    outer = [finder for finder in sys.meta_path if isinstance(finder, ExperimentFolder)]
    for finder in outer:
        sys.meta_path.remove(finder)
    entered = ExperimentFolder(folder, sources)
    sys.meta_path.insert(0, entered)
    try:
        yield entered
    finally:
        sys.meta_path.remove(entered)
        sys.meta_path[:0] = outer


def execute(path: Path) -> ModuleType:
    """Runs an experiment file as a module whose classes can be found again by name.

    Args:
      path: the file.

    Returns:
      The module, registered in sys.modules under FILE_MODULE and the file's stem.

    Raises:
      UserError: the file does not run; the line is named.
    """
    with importable(path.parent) as folder:
        return folder.execute(path)


def call(path: Path, function: str) -> Any:
    """Runs an experiment file, calls a function of it, and remembers which files beside it were imported.

    Args:
      path: the file.
      function: name of a function without arguments.

    Returns:
      What the function returned.

    Raises:
      UserError: the file or the function does not run, or there is no such function.
    """
    if path.suffix != ".py":
        raise UserError(f"{path} is no Python file; --config takes a file that ends in .py")
    with importable(path.parent) as folder, describing_only(path):
        defined = getattr(folder.execute(path), function, None)
        _check_function(path, function, defined)
        result = blame(path, defined)
    _imported[path.resolve()] = tuple(file for file in folder.files() if file != path)
    return result


def _check_function(path: Path, name: str, defined: Any) -> None:
    """Raises if what a file defines under a name is no function without arguments."""
    if not callable(defined):
        raise UserError(f"{path} has no function {name}(); add one that returns a jaxflow.Experiment")
    found = {
        "a class": inspect.isclass(defined),
        "async": inspect.iscoroutinefunction(defined),
        "a generator": inspect.isgeneratorfunction(defined) or inspect.isasyncgenfunction(defined),
    }
    if what := next((what for what, is_so in found.items() if is_so), None):
        raise UserError(f"{name} in {path} is {what}; write a function that returns a jaxflow.Experiment")
    try:
        inspect.signature(defined).bind()
    except TypeError:
        raise UserError(f"{name}() in {path} takes arguments; it is called without any") from None


def files_beside(path: Path) -> tuple[Path, ...]:
    """Returns the files beside an experiment file that it imported when it was last loaded in this process."""
    return _imported.get(path.resolve(), ())


def files_defining(classes: Sequence[str]) -> list[Path]:
    """Returns the files that define classes, which are given by their names in JSON, as they were loaded last."""
    modules = sorted({name.partition(":")[0] for name in classes} & set(sys.modules))
    return [Path(file) for name in modules if (file := getattr(sys.modules[name], "__file__", None))]
