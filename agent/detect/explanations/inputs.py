"""Explanations of the detectors of inputs: channels without a usable value, implausible sensors."""

from dataclasses import replace

from agent.detect.alarms.states import AlarmEvent
from agent.detect.channels import common_place
from agent.detect.duration import duration
from agent.detect.explanations.case import Case, name_of
from agent.detect.kernels import inputs


def blind(case: Case) -> AlarmEvent:
    """Explain temperatures, or voltages, without a usable value."""
    of = case.banks.temps if case.bank is case.channels.temps else case.banks.volts
    age_s = of.age_s[case.c]
    place = common_place([case.bank.places[member] for member in case.members])
    what = (
        f"{len(case.members)} channels of {place or 'the unit'}"
        if len(case.members) > 1
        else name_of(place, case.bank.quantities[case.c])
    )
    text = (
        f"{what} had given no usable value for {duration(age_s)} when raised: its state is not known, it "
        f"may be anything. Check cable, sensor and unit."
    )
    event = case.event(age_s, "", since_s=case.t_s - age_s)
    return replace(event, text=text, location=place, value_unit="s")  # its text counts them again


def sensor_fault(case: Case) -> AlarmEvent:
    """Explain a temperature sensor that stepped implausibly, or stands still while its siblings move."""
    value, memory = case.banks.temps.value[case.c], case.banks.temps.memory[case.c]
    if memory[inputs.SUSPECT] > 0.0:
        what = f"stepped from {memory[inputs.BEFORE]:.4g} to a reading no heat or load could bring so fast"
    else:
        stands = duration(memory[inputs.STANDS_S])
        what = f"had said {value:.4g} for {stands} when raised while its siblings moved"
    return case.event(value, f"{case.name()} {what}. Check sensor and wiring; its readings are doubted.")
