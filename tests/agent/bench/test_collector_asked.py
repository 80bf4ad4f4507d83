"""What `cellwarden bench collector` copies is what an archive would hold, and every question is answered."""

from pathlib import Path

import pytest

from agent.bench.collector import asked, on_sqlite

DAYS = 2


def test_months_are_made_of_hours_and_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(asked, "SITES", 2)
    monkeypatch.setattr(asked, "REQUESTS", 7)
    monkeypatch.setattr(asked, "RACK_DAYS", DAYS)
    monkeypatch.setattr(asked, "SITE_DAYS", DAYS)
    monkeypatch.setattr(on_sqlite, "disk", lambda: str(tmp_path))
    found = {figure.name: figure for figure in on_sqlite.asked()}
    assert list(found) == [
        *("archive_bytes_per_value", "query_cell_week_s", "query_raw_hour_s", "query_ten_questions_s")
    ]
    assert found["query_cell_week_s"].note == f"{DAYS * 24 * 2} minutes, of {DAYS} days"
    assert found["query_raw_hour_s"].note == "70 values of a cell"
    assert f"of {2 * DAYS * 1440:,} minutes: silent" in found["query_ten_questions_s"].note
