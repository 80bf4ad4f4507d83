"""Banks of channels for kernels that are called by themselves."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agent.detect.channels import Bank, Channels
from agent.detect.declaration import Column, Detector
from agent.detect.detectors import DETECTORS
from agent.detect.kernels.banks import Banks
from agent.detect.kernels.inputs import Inputs, new_inputs
from agent.detect.settings import Settings


def bank_of(group: Sequence[int], step: float = 0.1, at: Sequence[int] | None = None) -> Bank:
    """Return a bank of a channel for each entry of `group`, which counts from 0; at: its place in a frame."""
    groups = max(group, default=-1) + 1
    members = [[c for c, g in enumerate(group) if g == wanted] for wanted in range(groups)]
    return Bank(
        index=np.array(range(len(group)) if at is None else at, np.int64),
        group=np.array(group, np.int64),
        member=np.array([c for channels in members for c in channels], np.int64),
        start=np.cumsum([0, *map(len, members)]).astype(np.int64),
        step=np.full(len(group), step),
        places=tuple(f"sensor{c + 1}" for c in range(len(group))),
        quantities=("cell_temperature",) * len(group),
        scope=("",) * groups,
    )


def inputs_of(group: Sequence[int], **bank: object) -> Inputs:
    """Return the arrays of such a bank."""
    return new_inputs(bank_of(group, **bank), np.zeros(len(group), np.int64))  # type: ignore[arg-type]


class Judging(NamedTuple):
    """One row of what a unit judges: the channels of a detector, their scores, and what those are made of."""

    detector: Detector
    member: str
    channels: Bank
    score: Column
    source: Column


def judging(banks: Banks, channels: Channels, settings: Settings) -> list[Judging]:
    """Return what a unit judges, in its order."""
    return [
        Judging(
            detector,
            judged.member or detector.name,
            getattr(channels, judged.channels),
            judged.score.of(banks),
            judged.source.of(banks),
        )
        for detector in DETECTORS
        if detector.chemistry in ("", settings.chemistry)
        for judged in detector.judged
    ]
