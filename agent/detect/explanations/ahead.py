"""How soon a temperature that rises on reaches what must not be reached. Pure."""

from dataclasses import asdict, dataclass

from agent.detect.duration import duration

#: Where a forecast ends, degC: SEI decomposes and heats by itself from about here (Feng 2018; calorimetry).
FORECAST_TO_DEGC = 80.0


@dataclass(frozen=True, slots=True)
class Ahead:
    """That `to_degc` is reached in about `in_s` seconds, if it rises on by `slope_k_per_s`; by the two sigma
    of that slope not before `soonest_s`, and not after `latest_s` (None: perhaps never).
    """

    to_degc: float
    slope_k_per_s: float
    in_s: float
    soonest_s: float
    latest_s: float | None

    @property
    def text(self) -> str:
        """In English, as the records of all versions have it."""
        latest = "never" if self.latest_s is None else duration(self.latest_s)
        return (
            f"at this rate {self.to_degc:.0f} degC in {duration(self.in_s)}"
            f" ({duration(self.soonest_s)} to {latest})"
        )

    def numbers(self) -> dict[str, float | None]:
        """As a record has it."""
        return {key: value and round(value, 6) for key, value in asdict(self).items()}


def ahead(temp_degc: float, own: float, noise: float) -> Ahead | None:
    """Return how soon a temperature gets to FORECAST_TO_DEGC at the slope `own`, of which `noise` is the
    standard deviation, both in K/min; None where it does not rise, or is there.
    """
    left = FORECAST_TO_DEGC - temp_degc
    low, high = own - 2.0 * noise, own + 2.0 * noise
    if not (left > 0.0 and own > 0.0):
        return None
    latest_s = 60.0 * left / low if low > 0.0 else None
    return Ahead(FORECAST_TO_DEGC, own / 60.0, 60.0 * left / own, 60.0 * left / high, latest_s)
