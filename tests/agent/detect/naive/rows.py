"""A row of a kernel's array as a twin's fields: `sd` of the twin is column SD of the kernel."""

from dataclasses import fields
from types import ModuleType
from typing import Any, TypeVar

from agent.detect.channels import Floats

_Twin = TypeVar("_Twin")


def _columns(kind: Any, kernel: ModuleType) -> list[tuple[str, int]]:
    return [(field.name, getattr(kernel, field.name.upper())) for field in fields(kind)]


def read_row(kind: type[_Twin], kernel: ModuleType, row: Floats) -> _Twin:
    """Return the twin whose state is in this row."""
    return kind(**{name: float(row[column]) for name, column in _columns(kind, kernel)})


def write_row(twin: Any, kernel: ModuleType, row: Floats) -> None:
    """Write a twin's state into a row; what the twin has no field for stays."""
    for name, column in _columns(type(twin), kernel):
        row[column] = getattr(twin, name)
