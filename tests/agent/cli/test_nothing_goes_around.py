"""In rooms that speak the language of their reader no text goes around the catalogue: read from the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

CLI = Path(__file__).parents[3] / "agent" / "cli"
#: Rooms and files that speak it. What is not here is English, and ADR 40 says why.
SPEAKS = (
    *("alarm", "check.py", "common", "doctor", "limits.py", "live", "page", "probe", "report/commissioning"),
    *("scan", "setup", "status.py"),
)
#: What shows a text to people, and what keeps one for them.
SHOWS = {"echo", "print", "ask", "agree", "confirm", "prompt", "plain_table", "add_row", "append"}
KEEPS = {
    *("Trouble", "Misuse", "Finding", "Unreachable", "NotTaken", "NotReached"),
    *("UplinkError", "TlsError", "CertificateError", "LoginError", "PortError"),
    *("problem", "note", "good", "unknown"),
}
WORDS = re.compile(r"[A-Za-z]{2,},? [a-z]{2,}")
#: What people type or copy is the same in each language.
TYPED = re.compile(
    r"(sudo )?(cellwarden|systemctl|journalctl|timedatectl|raspi-config|dmesg|pkill|ls|getent)\b.*"
)


def texts(node: ast.expr) -> Iterator[str]:
    """Yield the texts that are made on the spot: of constants, and of f-strings without what is put in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    elif isinstance(node, ast.IfExp):
        yield from [*texts(node.body), *texts(node.orelse)]
    elif isinstance(node, ast.BinOp):
        yield from [*texts(node.left), *texts(node.right)]
    elif isinstance(node, (ast.Tuple, ast.List)):
        for each in node.elts:
            yield from texts(each)


def around(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of what is shown, or kept to be shown, as it stands in the code."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in SHOWS | KEEPS:
            for given in (*node.args, *(keyword.value for keyword in node.keywords)):
                for text in texts(given):
                    if WORDS.search(text) and not TYPED.fullmatch(text.strip()):
                        yield node.lineno, text


def test_no_text_that_people_read_goes_around_the_catalogue() -> None:
    files = [
        file for room in SPEAKS for file in ([CLI / room] if ".py" in room else (CLI / room).rglob("*.py"))
    ]
    assert len(files) > 50
    found = []
    for file in files:
        where = str(file.relative_to(CLI))
        found += [f"{where}:{line} {text!r}" for line, text in around(file.read_text())]
    assert found == []


def test_the_look_at_the_code_finds_what_it_looks_for() -> None:
    code = (
        'click.echo("two words")\nraise Trouble("CW-1", f"{x} is bad", "cellwarden check")\n'
        'click.echo(tr("a word or two"))'
    )
    assert [text for _, text in around(code)] == ["two words", "{} is bad"]
