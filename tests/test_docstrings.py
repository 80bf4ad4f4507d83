"""What a docstring or a comment names exists: `agent.x.y` is a module of ours, or is made in one."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.graph import OURS, modules

NAME = re.compile(rf"(?<![\w./-])(?:{'|'.join(OURS)})(?:\.\w+)+")
FILES = {"toml", "pem", "key", "csr", "db", "service", "example"}  # `agent.toml` is a file, not a module
KNOWN = modules()
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def names_in(text: str) -> list[str]:
    return [name for name in NAME.findall(text) if name.split(".")[1] not in FILES]


def sayings(path: Path) -> Iterator[str]:
    """Every docstring and comment of a file."""
    source = path.read_text()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | FUNCTION):
            yield ast.get_docstring(node) or ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(KNOWN[module].read_text())


def exists(name: str) -> bool:
    """Whether it is a module of ours, or can be found in one. Nothing is imported."""
    module = name
    while module not in KNOWN:
        module = module.rpartition(".")[0]
    found: ast.AST = tree_of(module)
    for attribute in name.removeprefix(module).split(".")[1:]:
        inner = dict(members(found))
        if attribute not in inner:
            return False
        found = inner[attribute]
    return True


def members(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """What a module has by name, and a class (also what its methods give to `self`), with what makes it."""
    if isinstance(node, ast.ClassDef):
        for child in ast.walk(node):
            if isinstance(child, ast.Attribute) and isinstance(child.ctx, ast.Store):
                yield child.attr, child
    elif not isinstance(node, ast.Module):
        return
    waiting = list(ast.iter_child_nodes(node))
    while waiting:
        child = waiting.pop()
        if isinstance(child, ast.ClassDef | FUNCTION):
            yield child.name, child
        elif isinstance(child, ast.alias):
            yield child.asname or child.name, child
        else:
            if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                yield child.id, child
            waiting += ast.iter_child_nodes(child)


def test_what_a_docstring_names_exists() -> None:
    said = {(file, name) for file, path in KNOWN.items() for text in sayings(path) for name in names_in(text)}
    assert len(said) > 20
    assert {(file, name) for file, name in said if not exists(name)} == set()


def test_a_name_that_is_not_there_is_found() -> None:
    text = "see `agent.clock.Clock.stamp`, agent.toml and x/agent.clock"
    assert names_in(text) == ["agent.clock.Clock.stamp"]
    assert all(map(exists, (*names_in(text), "agent.clock", "drivers.line.DATA_BITS", "agent.view")))
    missing = ("agent.clocks", "agent.clock.Clock.stamps", "agent.clock.Clock.stamp.utc_ns")
    assert not any(map(exists, missing))
