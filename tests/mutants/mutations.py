"""Faults planted in a module's syntax tree: a flipped sign, a dropped mask, a swapped axis, an off-by-one constant."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

OPERATORS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


@dataclass(frozen=True)
class Mutant:
    """One fault: the function it lies in ("dense"), its line, what was done, and the module's tree with it."""

    module: str
    function: str
    line: int
    what: str
    tree: ast.Module

    def __str__(self) -> str:
        return f"{self.module}.{self.function}:{self.line}: {self.what}"


def _variants(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """The faults of one expression: what is done, and the expression that takes its place."""
    match node:
        case ast.BinOp(left, op, right) if type(op) in OPERATORS:
            yield "another operator", ast.BinOp(left, OPERATORS[type(op)](), right)
            if isinstance(op, ast.Sub | ast.Div | ast.MatMult):
                yield "operands swapped", ast.BinOp(right, op, left)
            if isinstance(op, ast.Add | ast.Sub):
                yield "a term dropped", left
        case ast.Compare(left, [op], right) if type(op) in OPERATORS:
            yield "comparison flipped", ast.Compare(left, [OPERATORS[type(op)]()], right)
        case ast.UnaryOp(ast.USub(), operand):
            yield "sign dropped", operand
        case ast.UnaryOp(ast.Invert(), operand):
            yield "negation dropped", operand
        case ast.Constant(int() | float() as value) if not isinstance(value, bool):
            yield "constant plus one", ast.Constant(value + 1)
        case ast.Call(function, args, keywords):
            for i, keyword in enumerate(keywords):
                if keyword.arg == "where":
                    none = ast.keyword("where", ast.Constant(None))
                    yield "mask dropped", ast.Call(function, args, [*keywords[:i], none, *keywords[i + 1 :]])
            if isinstance(function, ast.Attribute) and function.attr == "where" and len(args) == 3:
                yield "branches swapped", ast.Call(function, [args[0], args[2], args[1]], keywords)


def mutants(module: str, source: str) -> Iterator[Mutant]:
    """Every mutant of every function of a module; annotations, defaults, docstrings and messages stay as they are."""
    tree = ast.parse(source)
    for function in tree.body:
        if isinstance(function, ast.FunctionDef) and function.name != "example":
            for path, node in _expressions(function.body, ("body", tree.body.index(function), "body")):
                for what, variant in _variants(node):
                    detail = f"{what}: {ast.unparse(node)} -> {ast.unparse(variant)}"
                    yield Mutant(
                        module, function.name, getattr(node, "lineno", 0), detail, _replaced(tree, path, variant)
                    )


def _expressions(node: object, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], ast.AST]]:
    if isinstance(node, list):
        for i, item in enumerate(node):
            yield from _expressions(item, (*path, i))
    elif isinstance(node, ast.AST) and not isinstance(node, ast.Raise | ast.JoinedStr | ast.arguments):
        yield path, node
        for name, value in ast.iter_fields(node):
            if name not in ("annotation", "returns", "decorator_list"):
                yield from _expressions(value, (*path, name))


def _replaced(tree: ast.Module, path: tuple[str | int, ...], variant: ast.AST) -> ast.Module:
    tree, variant = copy.deepcopy(tree), copy.deepcopy(variant)
    parent: object = tree
    for step in path[:-1]:
        parent = parent[step] if isinstance(step, int) else getattr(parent, step)  # type: ignore[index]
    last = path[-1]
    if isinstance(last, int):
        parent[last] = variant  # type: ignore[index]
    else:
        setattr(parent, last, variant)
    return ast.fix_missing_locations(tree)
