"""The pages of docs: each is linked, each link leads somewhere, each file that is named exists."""

import re
from pathlib import Path

import pytest

from tests.graph import OURS, ROOT
from tests.test_imports import RULES, below

DOCS = ROOT / "docs"
RECORDS = sorted((DOCS / "adr").glob("*.md"))
PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md"))]
#: What it says was so when it was written: files of then are named.
HISTORY = {ROOT / "CHANGELOG.md"}
FOLDERS = ("agent", "collector", "docs", "drivers", "hil", "scripts", "systemd", "tests")
FENCED = re.compile(r"^```.*?^```", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)|<img src=\"([^\"]+)\"")
NAMED = re.compile(rf"(?<![\w./-])(?:{'|'.join(FOLDERS)})/[\w./*-]*[\w*/]")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def links(page: Path) -> list[str]:
    """What a page links to within this repository, code left out."""
    found = (a or b for a, b in LINK.findall(FENCED.sub("", page.read_text("utf-8"))))
    return [link for link in found if not re.match(r"\w+:", link)]


def anchors(page: Path) -> set[str]:
    """The names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text("utf-8")), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_links_every_page() -> None:
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in links(DOCS / "README.md")}
    missing = {name_of(page) for page in DOCS.rglob("*.md")} - {"docs/README.md"}
    assert missing - {name_of(page) for page in linked if page.is_relative_to(ROOT)} == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", [p for p in PAGES if p not in HISTORY], ids=name_of)
def test_every_file_that_is_named_exists(page: Path) -> None:
    for named in NAMED.findall(page.read_text("utf-8")):
        assert any(ROOT.glob(named.rstrip("/"))), named


def the_map() -> list[tuple[str, str]]:
    """Every room of the map, and what it may import."""
    text = (DOCS / "architecture.md").read_text("utf-8")
    return re.findall(r"^\| `([\w/]+)/` \|.*\| (.*?) ?\|$", text, re.M)


def test_the_map_has_every_room_once() -> None:
    rooms = {init.parent for top in OURS for init in (ROOT / top).glob("*/__init__.py")}
    assert sorted(room for room, _ in the_map()) == sorted({name_of(room) for room in rooms} | set(OURS))


def test_the_map_says_of_each_room_what_it_may_import() -> None:
    said = dict(the_map())
    for room, column in said.items():
        name = room.replace("/", ".")
        allowed = next(allowed for prefix, allowed in RULES if below(name, prefix))
        others = {".".join(other.split(".")[:2]) for other in allowed} - {name}
        if column.startswith("as `"):
            assert column == f"as `{name.split('.')[0]}/`", room
        elif column == "everything":
            assert allowed == OURS, room
        elif room != "agent":
            assert set(re.findall(r"`([\w.]+)`", column)) == others, room


@pytest.mark.parametrize("record", RECORDS, ids=lambda p: p.stem)
def test_decision_records_have_one_form(record: Path) -> None:
    title, empty, dated, *rest = record.read_text("utf-8").splitlines()
    number = int(record.name[:4])
    assert re.match(rf"# {number}\. \S", title)
    assert empty == ""
    assert re.fullmatch(r"Date: \d{4}-\d\d-\d\d\. Status: (accepted|replaced by \[.+\]\(.+\.md\))\.", dated)
    parts = [line[3:] for line in rest if line.startswith("## ")]
    assert [part for part in parts if part != "Measured with"] == ["Context", "Decision", "Price", "Is not"]


def test_decision_records_are_numbered_without_gaps() -> None:
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))


def test_the_glossary_gives_each_word_once_and_in_order() -> None:
    words = re.findall(r"^\| \*\*(.+?)\*\* \|", (DOCS / "glossary.md").read_text("utf-8"), re.M)
    assert len(words) > 40
    assert words == sorted(set(words), key=str.casefold)
