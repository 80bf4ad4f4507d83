"""Each operator makes the mutants that it says, and none of what does nothing."""

import ast

import pytest

from tests.mutate.equivalents import LIST, MOST, equivalent
from tests.mutate.operators import mutants, mutated
from tests.mutate.sample import CRITICAL, STRATA, all_of, drawn, stratum_of, wilson
from tests.mutate.targets import ROOT, TARGETS


def made(source: str, operator: str = "") -> list[str]:
    """What is made of a text: all, or by one operator."""
    found = mutants("agent/wire/x.py", source)
    return [mutant.after for mutant in found if operator in ("", mutant.operator)]


@pytest.mark.parametrize(
    ("source", "operator", "after"),
    [
        ("x = 3.0", "constant", ["x = 3.3", "x = 2.7", "x = 0.0"]),
        ("x = 0.25", "constant", ["x = 0.275", "x = 0.225", "x = 0.0"]),
        ("x = 3", "constant", ["x = 4", "x = 2", "x = 0"]),
        ("x = 20", "constant", ["x = 22", "x = 18", "x = 0"]),
        ("x = 1", "constant", ["x = 2", "x = 0"]),
        ("x = 0, 0.0, True, 'a', b'b', None", "", []),
        ("a < b", "comparison", ["a > b", "a <= b"]),
        ("a >= b", "comparison", ["a <= b", "a > b"]),
        ("a < b <= c", "comparison", ["a > b <= c", "a < b >= c", "a <= b <= c", "a < b < c"]),
        ("a == b", "comparison", ["a != b"]),
        ("a is None", "comparison", ["a is not None"]),
        ("a not in b", "comparison", ["a in b"]),
        ("not a", "comparison", ["a"]),
        ("a + b", "", ["a - b", "a", "b"]),
        ("a - b", "", ["a + b", "a"]),
        ("a * b", "", ["a", "b"]),
        ("a / b", "", ["a"]),
        ("a << b", "", ["a"]),
        ("a | b", "", ["a", "b"]),
        ("-a", "", ["a"]),
        ("a and b and c", "", ["b and c", "a and c", "a and b"]),
        ("a or b", "", ["b", "a"]),
        ("a += b", "", ["a -= b", "pass"]),
        ("a *= b", "", ["pass"]),
        ("'a' + b", "", ["'a'", "b"]),
        ("{a: b, c: d}", "term", ["{c: d}", "{a: b}"]),
        ("if a:\n    b()", "guard", ["if True"]),
        ("for a in b:\n    if a:\n        continue\n    c()", "guard", ["if False"]),
        ("a if b else c", "guard", ["a"]),
        ("[a for a in b if a]", "guard", ["for a in b"]),
        ("a[i]", "index", ["a[i + 1]", "a[i - 1]"]),
        ("a[0]", "index", ["a[1]", "a[-1]"]),
        ("a[i, J]", "index", ["a[i + 1, J]", "a[i - 1, J]", "a[i, J + 1]", "a[i, J - 1]"]),
        ("a[i:]", "index", ["a[i + 1:]", "a[i - 1:]"]),
        ("a['i']", "index", []),
        ("range(n)", "index", ["range(n + 1)", "range(n - 1)"]),
    ],
)
def test_an_operator_makes(source: str, operator: str, after: list[str]) -> None:
    assert [" ".join(text.split()) for text in made(source, operator)] == after


@pytest.mark.parametrize(
    "source",
    [
        '"""A text: 3 > 2."""',
        "from typing import Mapping\nA = Mapping[K, V]",
        "A = tuple[int, str]\nB = int | None",
        "import numpy.typing as npt\nA = npt.NDArray[T]",
        "a: tuple[Literal[3], str]\ndef f(a: dict[str, int]) -> set[A]: ...",
        "@lru_cache(maxsize=64)\ndef f(): ...",
        "class A:\n    __slots__ = ('a',)",
        "raise ValueError(f'{a + 1} of {b[2]}')",
        "log.warning('%d', a + 1)",
        "assert a > 3",
        "if TYPE_CHECKING:\n    a = 3",
    ],
)
def test_nothing_is_made_of_what_does_nothing(source: str) -> None:
    assert not made(source)


SOURCE = "A = 3\ndef f(a, b):\n    if a[0] > 3 and b:\n        return a[0] + a[0]\n    return {1: b}[A]\n"


def test_each_mutant_is_the_source_but_for_its_place() -> None:
    whole = ast.unparse(ast.parse(SOURCE))
    texts = [ast.unparse(mutated(mutant, SOURCE)) for mutant in mutants("x.py", SOURCE)]
    assert len(set(texts)) == len(texts) > 20
    for text in texts:
        assert text != whole
        lines = zip(text.splitlines(), whole.splitlines(), strict=True)
        assert sum(now != was for now, was in lines) == 1


def test_a_mutant_is_called_the_same_wherever_its_lines_go() -> None:
    moved = "'''A module.'''\n\nB = A\n\n" + SOURCE
    keys = [[mutant.key for mutant in mutants("x.py", text)] for text in (SOURCE, moved)]
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == len(keys[0])


def test_no_such_mutant() -> None:
    with pytest.raises(LookupError, match="no such mutant"):
        mutated(mutants("x.py", "a = 3")[0], "a = 4")


def test_every_file_of_detectors_and_wire_has_a_row_and_every_row_its_tests() -> None:
    files = {
        str(path.relative_to(ROOT))
        for d in ("agent/detect", "agent/wire")
        for path in (ROOT / d).rglob("*.py")
    }
    assert {file for file in files - TARGETS.keys() if mutants(file, (ROOT / file).read_text())} == set()
    assert all((ROOT / file).is_file() for file in TARGETS)
    assert all((ROOT / test.split("::")[0]).is_file() for tests in TARGETS.values() for test in tests)
    assert set(CRITICAL) <= TARGETS.keys()


def test_a_sample_has_its_part_of_each_stratum_and_so_have_its_beginnings() -> None:
    every = all_of(ROOT, TARGETS)
    sample = drawn(every, 1, 400)
    assert sample == drawn(every, 1, 400) != drawn(every, 2, 400)
    parts = sum(STRATA.values())
    assert len(set(sample)) == pytest.approx(400, abs=parts)
    for n in (len(sample), 40):
        strata = [stratum_of(mutant.file) for mutant in sample[:n]]
        of = {stratum: strata.count(stratum) * parts / n for stratum in STRATA}
        assert of == pytest.approx(STRATA, abs=0.5)


def test_the_interval_is_that_of_wilson() -> None:
    assert wilson(380, 400) == pytest.approx((0.9241, 0.9674), abs=2e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_the_list_names_mutants_that_are_and_few() -> None:
    every = all_of(ROOT, TARGETS)
    assert len(equivalent(every, LIST.read_text())) <= MOST * len(every)


def test_a_list_that_names_no_mutant_or_has_no_proof_is_refused() -> None:
    row = (
        '[[equivalent]]\nfile = "x.py"\nfunction = "module"\nbefore = "a = 3"\nafter = "a = {}"\nproof = "{}"'
        "\nchecked = {}"
    )
    every = mutants("x.py", "a = 3")
    assert [m.after for m in equivalent(every, row.format(4, "why", "true"))] == ["a = 4"]
    assert equivalent(every, row.format(4, "why", "false")) == set(), "nobody has read the proof"
    with pytest.raises(LookupError, match="no mutant"):
        equivalent(every, row.format(5, "why", "true"))
    with pytest.raises(ValueError, match="with its proof"):
        equivalent(every, row.format(4, "", "true"))
    with pytest.raises(KeyError, match="checked"):
        equivalent(every, row.format(4, "why", "true").rsplit("\n", 1)[0])
