"""How the library's code reads: lengths of modules, functions and folders, and how docstrings begin."""

import ast
import re
from collections.abc import Iterator

from tests.conftest import ROOT

LIBRARY = ROOT / "jaxflow"
MODULES = sorted(LIBRARY.rglob("*.py"))
# Folders with a file for each thing of their kind.
OPEN_FOLDERS = {"commands", "data/sources", "models"}
# Words by which a docstring evades what a function does: "Returns", "Builds", "Raises", "Runs" ... say it.
VAGUE = re.findall(
    r"\w+",
    """Brings Contains Does Gets Gives Goes Hands Handles Is Keeps Lays Lets Looks Makes Names Notes Performs Provides
    Puts Refuses Remembers Says Takes Tells Turns Whether""",
)


def definitions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yields every function and method of the library, with where it is."""
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield f"{module.relative_to(ROOT)}:{node.lineno} {node.name}", node


def first_word(node: ast.FunctionDef) -> str | None:
    text = ast.get_docstring(node)
    return text.split()[0].strip(",.:") if text else None


def is_property(node: ast.FunctionDef) -> bool:
    return any(ast.unparse(decorator).endswith("property") for decorator in node.decorator_list)


def test_modules_have_at_most_250_lines():
    lengths = {str(module.relative_to(ROOT)): len(module.read_text().splitlines()) for module in MODULES}
    assert not {module: length for module, length in lengths.items() if length > 250}


def test_functions_have_at_most_60_lines():
    lengths = {where: node.end_lineno - node.lineno + 1 for where, node in definitions()}
    assert not {where: length for where, length in lengths.items() if length > 60}


def test_folders_have_at_most_15_modules():
    folders = {module.parent for module in MODULES}
    sizes = {str(f.relative_to(LIBRARY)): len([m for m in f.glob("*.py") if m.stem != "__init__"]) for f in folders}
    assert not {folder: size for folder, size in sizes.items() if size > 15 and folder not in OPEN_FOLDERS}


def test_docstrings_of_functions_begin_with_what_they_do():
    words = {where: first_word(node) for where, node in definitions() if not is_property(node)}
    vague = {w: word for w, word in words.items() if word and (word in VAGUE or not re.fullmatch("[A-Z][a-z]+s", word))}
    assert not vague


def test_docstrings_of_properties_are_noun_phrases():
    verbs = {*VAGUE, *(first_word(node) for _, node in definitions() if not is_property(node))} - {"Names", "Whether"}
    properties = {where: first_word(node) for where, node in definitions() if is_property(node)}
    assert not {where: word for where, word in properties.items() if word and word in verbs}
