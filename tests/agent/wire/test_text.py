"""Whatever an outsider writes, a log line stays a line and a terminal as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.wire.text import cell, printable

ANY = st.text(st.characters(), max_size=300) | st.binary(max_size=300)


@given(ANY, st.integers(0, 250))
def test_nothing_gets_through_that_a_terminal_would_obey(text: str | bytes, limit: int) -> None:
    shown = printable(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit
    shown.encode()  # no surrogate is left


@given(st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), max_size=200))
def test_what_is_printable_stays_as_it_is(text: str) -> None:
    assert printable(text) == printable(text.encode()) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\r\n", r"\x1b[31mred\x0d\x0a"),
        (b"\xffcaf\xc3\xa9", r"\xffcafé"),
        ("a\u202eb\u2028c\ud800", r"a\u202eb\u2028c\ud800"),
        ("\U000e0001", r"\U000e0001"),
        ("배터리 랙 1", "배터리 랙 1"),
        ("x" * 201, "x" * 197 + "..."),
        ("x" * 10**7, "x" * 197 + "..."),
    ],
)
def test_each_kind_is_escaped_and_what_is_too_long_is_cut(text: str | bytes, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    "formula", ['=HYPERLINK("http://x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1", "\uff0b1"]
)
def test_a_text_for_a_table_is_no_formula(formula: str) -> None:
    assert cell(formula)[0] in "'\\"
    assert cell("rack-1/string1 (module 2)") == "rack-1/string1 (module 2)"
    assert cell(f"  {formula}")[0] in "' ", "some leave spaces out"
    assert cell(f"a; {formula}").startswith(("a;' ", "a; \\")), "others part a line at semicolons"
    assert cell("a; b - c = 3 @ 4") == "a; b - c = 3 @ 4"


@pytest.mark.parametrize(
    ("limit", "shown"), [(0, ""), (1, "."), (2, ".."), (3, "..."), (4, "a..."), (5, "abcde"), (6, "abcde")]
)
def test_what_is_cut_ends_in_points_and_is_as_long_as_it_may_be(limit: int, shown: str) -> None:
    assert printable("abcde", limit) == printable(b"abcde", limit) == shown


def test_bytes_are_read_as_far_as_they_can_be_shown() -> None:
    four = "\U0001f50b"  # of four bytes
    assert printable((four * 200).encode()) == four * 200
    assert printable((four * 201).encode()) == four * 197 + "..."
    assert printable((four * 3).encode(), 3) == four * 3
    assert printable((four * 4).encode(), 3) == "..."


def test_escapes_have_as_many_digits_as_their_plane() -> None:
    assert printable("\x00\x7f\xa0") == r"\x00\x7f\xa0"
    assert printable("\u0600\ue000\uffff") == r"\u0600\ue000\uffff"
    assert (
        printable("\U0001000c\U00011999\U000f0000\U0010ffff") == r"\U0001000c\U00011999\U000f0000\U0010ffff"
    )


def test_a_cell_is_as_long_as_a_spreadsheet_has_them() -> None:
    assert cell("x" * 32_767) == "x" * 32_767
    assert cell("x" * 32_768) == "x" * 32_764 + "..."
    assert cell("=1;=2; =3") == "'=1;'=2;' =3"
