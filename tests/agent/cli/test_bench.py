"""What a benchmark prints can be read by machines."""

import json

import numpy as np

from agent.bench.figures import result


def test_a_figure_that_numpy_made_is_printed_as_json() -> None:
    figure = json.loads(json.dumps(result("detection", "car2_lead_days", np.float64(22.8), "days")))
    assert (figure["value"], figure["met"]) == (22.8, True)
