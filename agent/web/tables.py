"""Tables of the page as CSV files."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any

import numpy as np

from agent.web.history import Series
from agent.wire.text import cell

COLUMNS = {  # of a box of the map
    "cell": "name",
    "place": "place",
    "mark": "mark",
    "sight": "sight",
    "voltage_v": "v",
    "from_median_mv": "mv",
    "temperature_degc": "t",
    "k_per_min": "slope",
    "age_s": "age_s",
}


def cells_csv(unit: Mapping[str, Any]) -> str:
    """All cells of a unit as CSV. A cell that is not live has its last values, and their age."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("unit", *COLUMNS, "label"))
    for box in unit["cells"]:
        inert = {**box, "name": cell(box["name"]), "place": cell(box["place"])}
        writer.writerow(
            [
                unit["name"],
                *("" if inert[key] is None else inert[key] for key in COLUMNS.values()),
                cell(unit["label"]),
            ]
        )
    return out.getvalue()


def history_csv(series: Sequence[Series]) -> str:
    """The values of a history as CSV; empty where nothing was known."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(("utc", "name", "place", "value", "unit"))
    for one in series:
        for t_s, value in zip(one.t_s.tolist(), one.value.tolist(), strict=True):
            utc = datetime.fromtimestamp(t_s, UTC).isoformat(timespec="milliseconds")
            number = "" if value != value else f"{value:.9g}"
            writer.writerow((utc, cell(one.name), cell(one.place), number, cell(one.unit)))
    return out.getvalue()


def parquet_is_here() -> bool:
    """Whether the extra `parquet` is installed."""
    return find_spec("pyarrow") is not None


def history_parquet(series: Sequence[Series]) -> bytes:
    """The same as a Parquet file; null where nothing was known."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def repeated(key: str) -> list[str]:
        return [getattr(one, key) for one in series for _ in range(one.t_s.size)]

    def joined(key: str) -> Any:
        return np.concatenate([getattr(one, key) for one in series] or [np.zeros(0)])

    utc = pa.array((joined("t_s") * 1e9).astype("datetime64[ns]"), pa.timestamp("ns", "UTC"))
    table = {
        "utc": utc,
        "name": repeated("name"),
        "place": repeated("place"),
        "value": pa.array(joined("value"), from_pandas=True),  # NaN becomes null
        "unit": repeated("unit"),
    }
    out = io.BytesIO()
    pq.write_table(pa.table(table), out)
    return out.getvalue()
