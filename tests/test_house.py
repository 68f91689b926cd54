"""The house's law: imports only point down the list of floors, never in a circle, and names say what they name."""

import ast
import functools
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import jaxdl
from jaxdl import models

ROOT = Path(jaxdl.__file__).parent
FLOORS = (  # from the roof down: a file imports from its own floor or from a lower one
    ("cli",),
    ("claims",),
    ("runs",),
    ("recipes",),
    ("applications",),
    ("tasks",),
    ("training",),
    ("interop",),
    ("models",),
    ("data",),
    ("decoding",),
    ("optim",),
    ("nn",),
    ("losses",),
    ("metrics",),
    ("similarity",),
    ("checks",),
    ("kernels",),
    ("artifacts",),
    ("ewma",),
    ("tree",),
    ("validation", "types"),
)
HEIGHT = {name: -i for i, names in enumerate(FLOORS) for name in names}
GROUND = {"__init__", "__main__", "types", "tree", "ewma", "validation"}


@functools.cache
def modules(root: Path = ROOT) -> dict[str, Path]:
    """Every module of a package by its dotted name."""
    names = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return names


def imports(path: Path, root: Path = ROOT) -> set[str]:
    """The modules of the package that a file imports, inside of functions as well; not what is for types alone."""
    found = set()
    known = modules(root)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and "TYPE_CHECKING" in ast.unparse(branch.test)
        for node in ast.walk(branch)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in known}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == root.name:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in known else str(node.module))
    return found


def floor(module: str) -> str:
    return [*module.split("."), "__init__"][1]


def test_only_the_ground_floor_lies_loose():
    assert {path.stem for path in ROOT.glob("*.py")} == GROUND


def test_every_folder_is_a_floor():
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and list(path.glob("*.py"))}
    assert folders <= HEIGHT.keys(), f"not in the list of floors: {folders - HEIGHT.keys()}"


def test_imports_only_point_down():
    climbs = [
        f"{module} imports {target}"
        for module, path in modules().items()
        if floor(module) in HEIGHT
        for target in imports(path)
        if floor(target) in HEIGHT and HEIGHT[floor(target)] > HEIGHT[floor(module)]
    ]
    assert not climbs, "\n".join(climbs)


@pytest.mark.parametrize("root", [ROOT, ROOT.parent / "benchmarks"], ids=lambda root: root.name)
def test_no_import_runs_in_a_circle(root: Path):
    graph = {module: imports(path, root) - {module} for module, path in modules(root).items()}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail[trail.index(module) :], module))
        if module not in done:
            for target in sorted(graph[module]):
                visit(target, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_only_recipes_import_what_is_private_to_recipes():
    private = [
        f"{module} imports {target}"
        for module, path in modules().items()
        if floor(module) != "recipes"
        for target in imports(path)
        if target.startswith("jaxdl.recipes._")
    ]
    assert not private, "\n".join(private)


@pytest.mark.parametrize("package", sorted(name for name, path in modules().items() if path.stem == "__init__"))
def test_no_file_is_named_as_a_function_that_its_package_hands_on(package: str):
    handed_on = vars(importlib.import_module(package))
    for file in pkgutil.iter_modules([str(modules()[package].parent)]):
        assert not inspect.isfunction(handed_on.get(file.name)), f"{package}.{file.name} is a file and a function"


@pytest.mark.parametrize("package", ["nn", "losses", "metrics", *(f"models.{name}" for name in models.names())])
def test_modes_masks_and_keys_are_keyword_only(package: str):
    """`train` and `where` always; `key` too, but where a function makes parameters of it."""
    module = importlib.import_module(f"jaxdl.{package}")
    public = {name: f for name, f in vars(module).items() if inspect.isfunction(f) and not name.startswith("_")}
    by_position = [
        f"{name}({parameter.name})"
        for name, function in public.items()
        if function.__module__.startswith("jaxdl.") and not function.__module__.endswith(("validation", "._inputs"))
        for i, parameter in enumerate(inspect.signature(function).parameters.values())
        if parameter.name in ("train", "where") or (parameter.name == "key" and i and not name.startswith("init"))
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    assert not by_position
