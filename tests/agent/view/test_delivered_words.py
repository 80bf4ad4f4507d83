"""What a fire here would cost, in words."""

from typing import Any

import pytest

from agent.view.delivery import exposed_text

UNKNOWN = "no values are held yet, here or elsewhere: what a fire here now would cost is not known"


@pytest.mark.parametrize(
    ("frames", "only_here_s", "behind_s", "said"),
    [
        (0, 0.0, [0.0, 0.0], UNKNOWN),
        (0, 3.2, [3.2], "a fire here now would cost 3 s of values: no other place has them;"
                        " there is no second place"),
        (40, 0.0, [9.0, 0.0, None], "a fire here now would cost 0 s of values: no other place has them;"
                                    " a second place has all but 9 s"),
    ],
    ids=["nothing sealed, nothing read", "an open batch", "all is elsewhere"],
)  # fmt: skip
def test_no_cost_is_told_before_there_are_values(
    frames: int, only_here_s: float, behind_s: list[float | None], said: str
) -> None:
    account: dict[str, Any] = {"frames": frames, "only_here_s": only_here_s}
    assert exposed_text(account, [{"behind_s": one} for one in behind_s]) == said
