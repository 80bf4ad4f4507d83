"""The mutants of a source file: what each operator makes of its syntax tree.

constant    a number 10 % greater, 10 % less (an integer by one at least), and 0
comparison  turned (`<` to `>`, `==` to `!=`, `not x` to `x`) and relaxed (`<` to `<=`, `>=` to `>`)
sign        `+` to `-` and back, a minus less
term        one operand less of a sum, product, shift, `and` or `or`; an entry less of a dict or set that is
            written out; `x += y` left out
guard       what a condition guards happens always; where it leaves (return, raise, continue, break), never
index       a subscript, a bound of a slice or an argument of `range` one more, one less

None is made of what does not change behaviour: annotations, type aliases, decorators, assertions,
`__slots__`, and the texts of errors and of the log.
"""

import ast
import builtins
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

LONGEST = 100  # characters of an expression that says where a number stands

Put = Callable[[ast.AST], None]  # replaces a node in its tree

_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.Gt: ast.Lt,
    ast.LtE: ast.GtE,
    ast.GtE: ast.LtE,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_RELAXED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
_SIGNS: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add}
#: Which operands may stand alone.
_TERMS: dict[type[ast.operator], tuple[str, ...]] = {
    ast.Add: ("left", "right"),
    ast.Mult: ("left", "right"),
    ast.BitOr: ("left", "right"),
    ast.BitAnd: ("left", "right"),
    ast.BitXor: ("left", "right"),
    ast.Sub: ("left",),
    ast.Div: ("left",),
    ast.FloorDiv: ("left",),
    ast.LShift: ("left",),
    ast.RShift: ("left",),
}
_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)
#: Fields of the tree that do nothing when a module runs, or nothing that a caller sees.
_LEFT_OUT = {"annotation", "returns", "decorator_list", "bases", "format_spec", "ctx", "op", "ops"}
_TYPING = {"typing", "collections.abc", "numpy.typing"}
_LOGS = {"log", "logger", "logging"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one place. `nth` of those in its function that read the same, from 1."""

    file: str
    line: int
    column: int
    function: str
    operator: str
    before: str
    after: str
    nth: int

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What it is called, wherever its lines go: file, function, before, after, nth."""
        return self.file, self.function, self.before, self.after, self.nth

    def __str__(self) -> str:
        nth = f", {self.nth}." if self.nth > 1 else ""
        return f"{self.file}:{self.line}: {self.before} -> {self.after}  ({self.function}{nth})"


def mutants(file: str, source: str) -> list[Mutant]:
    """Return all mutants of a file, in the order of its text."""
    return [mutant for mutant, _ in _changes(file, ast.parse(source))]


def mutated(mutant: Mutant, source: str) -> ast.Module:
    """Return the tree of a file with one mutant in it. LookupError where it has none such."""
    tree = ast.parse(source)
    for found, apply in _changes(mutant.file, tree):
        if found == mutant:
            apply()
            return ast.fix_missing_locations(tree)
    raise LookupError(f"no such mutant: {mutant}")


def _changes(file: str, tree: ast.Module) -> Iterator[tuple[Mutant, Callable[[], None]]]:
    generics = _generics(tree)
    seen = Counter[tuple[str, str, str]]()
    for place in _places(tree, "module", _nothing, []):
        made = set[str]()
        for operator, new in _variants(place, generics):
            before, after = place.texts(new)
            if before == after or after in made:
                continue
            made.add(after)
            seen[place.function, before, after] += 1
            nth = seen[place.function, before, after]
            at = cast(ast.expr, place.located)
            where = (file, at.lineno, at.col_offset, place.function)
            yield Mutant(*where, operator, before, after, nth), partial(place.put, new)


@dataclass(frozen=True, slots=True)
class _Place:
    """A node, how it is replaced, the nodes around it (outermost first), and the function that it is in."""

    node: ast.AST
    put: Put
    around: list[ast.AST]
    function: str

    @property
    def located(self) -> ast.AST:
        """The innermost node that has a line."""
        return next(n for n in (self.node, *reversed(self.around)) if hasattr(n, "lineno"))

    def texts(self, new: ast.AST) -> tuple[str, str]:
        """Return what stands there before and after; of a number or name, what is around it too."""
        shown = self.node
        around = self.around[-1]
        if isinstance(self.node, (ast.Constant, ast.Name)) and len(ast.unparse(around)) <= LONGEST:
            shown = around
        before = _text(shown)
        self.put(new)
        after = _text(shown if shown is not self.node else new)
        self.put(self.node)
        return before, after


def _text(node: ast.AST) -> str:
    """Return one line: of a compound statement its condition, of any other statement all."""
    if isinstance(node, ast.If):
        return f"if {ast.unparse(node.test)}"
    return " ".join(ast.unparse(node).split())


def _nothing(node: ast.AST) -> None:
    raise TypeError("a module stands in no other node")


def _places(node: ast.AST, function: str, put: Put, around: list[ast.AST]) -> Iterator[_Place]:
    if _without_behaviour(node):
        return
    if around:
        yield _Place(node, put, around, function)
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        function = node.name if function == "module" else f"{function}.{node.name}"
    inside = [*around, node]
    for field, value in ast.iter_fields(node):
        if field in _LEFT_OUT:
            continue
        if isinstance(value, ast.AST):
            yield from _places(value, function, partial(setattr, node, field), inside)
        elif isinstance(value, list):
            for i, child in enumerate(value):
                if isinstance(child, ast.AST):
                    yield from _places(child, function, partial(value.__setitem__, i), inside)


def _without_behaviour(node: ast.AST) -> bool:
    """Is it a text, an assertion, an alias of a type, or only there for a type checker."""
    if isinstance(node, ast.Call):
        func = node.func
        return isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name) and func.value.id in _LOGS
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    if isinstance(node, ast.Assign):
        names = {target.id for target in node.targets if isinstance(target, ast.Name)}
        return "__slots__" in names or _is_union(node.value)
    return isinstance(node, (ast.Raise, ast.Assert, ast.Import, ast.ImportFrom))


def _is_union(node: ast.expr) -> bool:
    """Is it `A | B`, of names, types and None."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = (node.left, node.right)
        return any(map(_is_type, sides)) or all(map(_is_union, sides))
    return False


def _is_type(node: ast.expr) -> bool:
    name = node.value if isinstance(node, ast.Subscript) else node
    if isinstance(name, ast.Name):
        return isinstance(getattr(builtins, name.id, None), type)
    return isinstance(node, ast.Constant) and node.value is None


def _generics(tree: ast.Module) -> set[str]:
    """Return the names whose subscripts are types."""
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in _TYPING
        for alias in node.names
    }
    return imported | {name for name, value in vars(builtins).items() if isinstance(value, type)}


def _variants(place: _Place, generics: set[str]) -> Iterator[tuple[str, ast.AST]]:
    """Give operator and new node of each mutant of one node."""
    node: Any = place.node
    if isinstance(node, ast.Constant):
        yield from (("constant", ast.Constant(number)) for number in _numbers(node.value))
    elif isinstance(node, ast.Compare):
        for table in (_TURNED, _RELAXED):
            for i, op in enumerate(node.ops):
                if type(op) in table:
                    ops = [*node.ops[:i], table[type(op)](), *node.ops[i + 1 :]]
                    yield "comparison", ast.Compare(node.left, ops, node.comparators)
    elif isinstance(node, ast.UnaryOp):
        names = {ast.Not: "comparison", ast.USub: "sign"}
        if type(node.op) in names:
            yield names[type(node.op)], node.operand
    elif isinstance(node, ast.BinOp):
        texts = any(_is_text(side) for side in (node.left, node.right))
        if type(node.op) in _SIGNS and not texts:
            yield "sign", ast.BinOp(node.left, _SIGNS[type(node.op)](), node.right)
        yield from (("term", getattr(node, side)) for side in _TERMS.get(type(node.op), ()))
    elif isinstance(node, ast.BoolOp):
        for i in range(len(node.values)):
            left = _without(node.values, i)
            yield "term", left[0] if len(left) == 1 else ast.BoolOp(node.op, left)
    elif isinstance(node, ast.AugAssign):
        if type(node.op) in _SIGNS:
            yield "sign", ast.AugAssign(node.target, _SIGNS[type(node.op)](), node.value)
        if type(node.op) in _TERMS:
            yield "term", ast.Pass()
    elif isinstance(node, ast.Dict):
        for i in range(len(node.keys)):
            yield "term", ast.Dict(_without(node.keys, i), _without(node.values, i))
    elif isinstance(node, ast.Set) and len(node.elts) > 1:
        for i in range(len(node.elts)):
            yield "term", ast.Set(_without(node.elts, i))
    elif isinstance(node, ast.If):
        leaves = isinstance(node.body[-1], _LEAVES)
        yield "guard", ast.If(ast.Constant(not leaves), node.body, node.orelse)
    elif isinstance(node, ast.IfExp):
        yield "guard", node.body
    elif isinstance(node, ast.comprehension):
        for i in range(len(node.ifs)):
            yield "guard", ast.comprehension(node.target, node.iter, _without(node.ifs, i), node.is_async)
    elif isinstance(node, ast.Subscript):
        if not _names_type(node.value, generics):
            for new in _moved(node.slice):
                yield "index", ast.Subscript(node.value, new, node.ctx)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        for i, argument in enumerate(node.args):
            for new in _moved(argument):
                yield "index", ast.Call(node.func, [*node.args[:i], new, *node.args[i + 1 :]], [])


def _without(nodes: list[Any], i: int) -> list[Any]:
    return [*nodes[:i], *nodes[i + 1 :]]


def _numbers(number: object) -> Iterator[int | float]:
    if type(number) is int:
        step = max(1, round(0.1 * number))
        yield from (number + step, number - step, 0) if number else ()
    elif isinstance(number, float):
        yield from (float(f"{number * 1.1:.12g}"), float(f"{number * 0.9:.12g}"), 0.0)


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) or _is_text(node.right)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _names_type(node: ast.expr, generics: set[str]) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == "NDArray"
    return isinstance(node, ast.Name) and node.id in generics


def _moved(index: ast.expr) -> Iterator[ast.expr]:
    """Give an index one more and one less, of a tuple or a slice each part alone."""
    if isinstance(index, ast.Tuple):
        for i, part in enumerate(index.elts):
            for new in _moved(part):
                yield ast.Tuple([*index.elts[:i], new, *index.elts[i + 1 :]], ast.Load())
    elif isinstance(index, ast.Slice):
        for new in _moved(index.lower) if index.lower else ():
            yield ast.Slice(new, index.upper, index.step)
        for new in _moved(index.upper) if index.upper else ():
            yield ast.Slice(index.lower, new, index.step)
    elif isinstance(index, ast.Constant) and type(index.value) is int:
        yield from (ast.Constant(index.value + step) for step in (1, -1))
    elif isinstance(index, (ast.Name, ast.Attribute, ast.BinOp, ast.UnaryOp, ast.Call)):
        yield from (ast.BinOp(index, op, ast.Constant(1)) for op in (ast.Add(), ast.Sub()))
