"""Which tests must find a mistake in which source file.

The tests of a file run in plain Python once per mutant, in the order of its row, and stop at the first that
fails: what is quick stands first, and a row takes about three seconds at most. A test is a file, or a file
and a name as pytest writes it. All mutants of a row without tests live.
"""

from pathlib import Path

ROOT = Path(__file__).parents[2]

_DETECT = "tests/agent/detect"
_KERNELS, _DETECTORS = f"{_DETECT}/kernels", f"{_DETECT}/detectors"
_SENTENCES = (f"{_DETECT}/explanations/test_explain.py", f"{_DETECT}/explanations/test_sentences.py")
_GROUPS = f"{_DETECT}/explanations/test_groups.py"
#: The versions of what a restart keeps.
_KEPT = f"{_DETECT}/test_kept_arrays.py::test_all_parts_are_put_back_as_they_were"
_ARRAYS = (
    f"{_DETECT}/test_kept_arrays.py",
    f"{_KERNELS}/test_arrays.py",
    f"{_DETECT}/test_unit_arrays.py",
    f"{_DETECT}/test_judge_unit_twin.py",
)
_WIRE = "tests/agent/wire"
_DRIVERS = "tests/drivers"
_REFUSED = (
    f"{_WIRE}/test_hostile.py::test_hostile_batch_is_refused_by_one_line",
    f"{_WIRE}/test_hostile.py::test_hostile_request_is_refused_by_one_line",
    f"{_WIRE}/test_limits.py",
)


def _own_tests(stem: str) -> list[str]:
    """Return the tests of a detector: of its twin; where that has none, those of whole units, slow ones."""
    twin, units = (f"{_DETECTORS}/test_{stem}{which}.py" for which in ("_twin", ""))
    quick = (ROOT / twin).exists() and "def test_" in (ROOT / twin).read_text(encoding="utf-8")
    return [test for test in ([twin] if quick else [twin, units]) if (ROOT / test).exists()]


def _of_detectors() -> dict[str, tuple[str, ...]]:
    """Return each file of a detector: its own tests, its rows and its sentence."""
    files = sorted((ROOT / "agent/detect/detectors").glob("[a-z]*.py"))
    shared = (f"{_DETECT}/test_table.py", *_SENTENCES, _GROUPS, _KEPT)
    return {str(path.relative_to(ROOT)): (*_own_tests(path.stem), *shared) for path in files}


#: Source file, and the tests that run against its mutants.
TARGETS: dict[str, tuple[str, ...]] = {
    # the detectors
    **_of_detectors(),
    "agent/detect/alarms/book.py": (f"{_DETECT}/alarms/test_book.py",),
    "agent/detect/alarms/states.py": (f"{_DETECT}/alarms/test_alarm_states.py",),
    "agent/detect/alike.py": (f"{_DETECT}/test_alike.py",),
    "agent/detect/awake.py": (f"{_DETECT}/test_awake.py",),
    "agent/detect/channels.py": (f"{_DETECT}/test_channels.py",),
    "agent/detect/credible.py": (f"{_DETECT}/test_credible.py",),
    "agent/detect/declaration.py": (f"{_DETECT}/test_declaration.py",),
    "agent/detect/detectors/__init__.py": (f"{_DETECT}/test_declaration.py",),
    "agent/detect/doubles.py": (f"{_DETECT}/test_doubles.py",),
    "agent/detect/duration.py": (f"{_DETECT}/test_duration.py",),
    "agent/detect/explanations/ahead.py": _SENTENCES,
    "agent/detect/explanations/case.py": (f"{_DETECT}/explanations/test_case.py", *_SENTENCES),
    "agent/detect/explanations/heat.py": _SENTENCES,
    "agent/detect/explanations/said.py": (f"{_DETECT}/explanations/test_said.py", *_SENTENCES),
    "agent/detect/fields.py": (f"{_DETECT}/explanations/test_said.py", *_SENTENCES),
    "agent/detect/facts.py": (f"{_DETECT}/test_table.py",),
    "agent/detect/first_days.py": (f"{_DETECT}/test_first_days.py",),
    "agent/detect/heartbeat.py": (f"{_DETECT}/test_heartbeat.py",),
    "agent/detect/identity.py": (f"{_DETECT}/test_identity_alarms.py",),
    "agent/detect/refused.py": (f"{_DETECT}/test_refused_alarm.py",),
    "agent/detect/judge_unit.py": (f"{_DETECT}/test_judge_unit_twin.py", f"{_DETECT}/test_declaration.py"),
    "agent/detect/keeping.py": (f"{_DETECT}/test_kept_arrays.py",),
    "agent/detect/kernels/arrays.py": (f"{_KERNELS}/test_arrays.py",),
    "agent/detect/kernels/banks.py": _ARRAYS,
    "agent/detect/kernels/compiled.py": (f"{_KERNELS}/test_noise_twin.py",),
    "agent/detect/kernels/coverage.py": (f"{_KERNELS}/test_coverage_seconds.py",),
    "agent/detect/kernels/debounce.py": (
        f"{_DETECT}/test_table.py",
        f"{_KERNELS}/test_debounce.py",
    ),
    "agent/detect/kernels/doubt.py": (f"{_DETECTORS}/test_sudden_heat_twin.py", _KEPT),
    "agent/detect/kernels/heating.py": (f"{_KERNELS}/test_heating_twin.py",),
    "agent/detect/kernels/imbalance.py": (f"{_KERNELS}/test_imbalance_twin.py", _KEPT),
    "agent/detect/kernels/inputs.py": (f"{_KERNELS}/test_inputs_twin.py",),
    "agent/detect/kernels/leaps.py": (f"{_KERNELS}/test_leaps_twin.py", _KEPT),
    "agent/detect/kernels/load.py": (f"{_KERNELS}/test_load_twin.py", _KEPT),
    "agent/detect/kernels/measured.py": (f"{_KERNELS}/test_measured_twin.py", _KEPT),
    "agent/detect/kernels/memory.py": (f"{_KERNELS}/test_memory.py",),
    "agent/detect/kernels/noise.py": (f"{_KERNELS}/test_noise_twin.py",),
    "agent/detect/kernels/siblings.py": (f"{_KERNELS}/test_siblings_twin.py",),
    "agent/detect/kernels/slope.py": (f"{_KERNELS}/test_slope_twin.py", _KEPT),
    "agent/detect/kernels/stillness.py": (f"{_KERNELS}/test_stillness.py",),
    "agent/detect/kernels/surroundings.py": (f"{_KERNELS}/test_surroundings_twin.py", _KEPT),
    "agent/detect/kernels/validity.py": (f"{_KERNELS}/test_validity_twin.py", _KEPT),
    "agent/detect/kernels/wander.py": (f"{_KERNELS}/test_wander_twin.py",),
    "agent/detect/kernels/voltage_drop.py": (f"{_DETECTORS}/test_last_resort_twin.py",),
    "agent/detect/learning.py": (f"{_DETECT}/test_learning.py",),
    "agent/detect/knowledge.py": (f"{_DETECT}/test_knowledge.py",),
    "agent/detect/slow_polling.py": (
        f"{_DETECT}/test_slow_polling.py",
        "tests/agent/cli/test_check_config.py",
    ),
    "agent/detect/known.py": (f"{_DETECT}/test_knowledge.py",),
    "agent/detect/limit_words.py": (f"{_DETECT}/test_limit_words.py",),
    "agent/detect/limits.py": (f"{_DETECT}/test_unit_limits.py",),
    "agent/detect/liveness.py": (f"{_DETECT}/test_liveness_rules.py",),
    "agent/detect/places.py": (f"{_DETECT}/test_channels.py",),
    "agent/detect/reported.py": (f"{_DETECT}/test_reported_rules.py",),
    "agent/detect/rows.py": (f"{_DETECT}/test_table.py",),
    "agent/detect/settings.py": (f"{_DETECT}/test_settings.py",),
    "agent/detect/table.py": (f"{_DETECT}/test_table.py",),
    "agent/detect/together.py": (f"{_DETECT}/test_together.py",),
    "agent/detect/unit.py": (f"{_DETECT}/test_judging_order.py",),
    "agent/detect/unit_arrays.py": _ARRAYS,
    "agent/detect/unseen.py": (f"{_DETECT}/test_unseen_alarm.py",),
    "agent/detect/watch.py": (f"{_DETECT}/test_watch_rules.py",),
    # what a recording cannot be, before it is judged
    "agent/replay/plausible.py": ("tests/agent/replay/test_plausible_columns.py",),
    "agent/replay/sight.py": ("tests/agent/replay/test_sight.py",),
    # decoding and plan, and what they call
    "drivers/decode.py": (f"{_DRIVERS}/test_every_coding.py",),
    "drivers/line.py": (f"{_DRIVERS}/test_line.py",),
    "drivers/needs.py": (f"{_DRIVERS}/test_small_plans.py",),
    "drivers/halves.py": (f"{_DRIVERS}/test_small_plans.py", f"{_DRIVERS}/test_plan.py"),
    "drivers/plan.py": (f"{_DRIVERS}/test_small_plans.py",),
    "drivers/turns.py": (f"{_DRIVERS}/test_small_plans.py",),
    "drivers/values.py": (f"{_DRIVERS}/test_values.py", f"{_DRIVERS}/test_every_coding.py"),
    # the wire format
    "agent/wire/batch.py": (
        f"{_WIRE}/test_twin.py",
        f"{_WIRE}/test_wire_batch.py::test_a_batch_that_contradicts_itself_cannot_be_made",
        f"{_WIRE}/test_wire_batch.py::test_a_batch_counts_its_frames_and_values",
        *_REFUSED,
    ),
    "agent/wire/columns.py": (f"{_WIRE}/test_columns.py", f"{_WIRE}/test_twin.py"),
    "agent/wire/errors.py": (f"{_WIRE}/test_hostile.py",),
    "agent/wire/holder.py": ("tests/agent/test_holder.py",),
    "agent/wire/hosts.py": (f"{_WIRE}/test_host_problems.py", f"{_WIRE}/test_hosts.py"),
    "agent/wire/limits.py": (f"{_WIRE}/test_limits.py",),
    "agent/wire/listening.py": (f"{_WIRE}/test_listening_room.py", f"{_WIRE}/test_listen.py"),
    "agent/wire/packing.py": (f"{_WIRE}/test_packing.py", *_REFUSED),
    "agent/wire/ranges.py": (f"{_WIRE}/test_ranges.py",),
    "agent/wire/request.py": (f"{_WIRE}/test_request.py", *_REFUSED),
    "agent/wire/schema.py": (f"{_WIRE}/test_schema.py", f"{_WIRE}/test_limits.py"),
    "agent/wire/si.py": (f"{_WIRE}/test_si.py",),
    "agent/wire/sound.py": (f"{_WIRE}/test_unsound.py",),
    "agent/wire/text.py": (f"{_WIRE}/test_text.py",),
    "agent/wire/zstd.py": (f"{_WIRE}/test_zstd.py",),
}
