"""What every benchmark tells: figures beside their targets, and the machine that they are of."""

import os
import platform
from typing import Any, NamedTuple


class Target(NamedTuple):
    """What a figure should be. `value` None: the figure is only reported."""

    value: float | None
    better: str


class Figure(NamedTuple):
    """What was measured. `note`: why there is no value, or what it is about."""

    name: str
    value: float | None
    unit: str
    note: str = ""


def at_most(value: float) -> Target:
    """Return a target for a figure that should be small."""
    return Target(value, "lower")


def at_least(value: float) -> Target:
    """Return a target for a figure that should be large."""
    return Target(value, "higher")


LOWER, HIGHER = Target(None, "lower"), Target(None, "higher")

# Every target there is, by benchmark and figure. They change only with a decision record in docs/adr.
TARGETS: dict[str, dict[str, Target]] = {
    "wire": {
        "ratio_to_entropy_60": at_most(1.15),
        "bytes_per_value_60_real": LOWER,
        "bytes_per_value_60_simulated": at_most(0.32),
        "bytes_per_value_10_simulated": at_most(0.5),
        "encode_values_per_s": at_least(20e6),
        "decode_values_per_s": at_least(20e6),
    },
    "buffer": {
        "mb_per_day_10s": at_most(100),
        "mb_per_day_60s": at_most(60),
        "mb_per_unit_day_64_units": at_most(40),
        "mb_per_unit_day_three_upstreams": at_most(40),
        "append_p99_ms": LOWER,
    },
    "uplink": {
        "drain_times_real_time": at_least(5000),
        "alarm_during_drain_s": at_most(1),
        "alarm_two_upstreams_s": at_most(1),
        "second_site_alarm_s": at_most(5),
        "rpo_routine_p99_s": at_most(12),
        "rpo_alarm_p99_s": at_most(2),
        "heal_times_real_time": at_least(2000),
        "heal_found_s": LOWER,
        "heal_share": HIGHER,
        "alarms_during_drain": HIGHER,
        "alarms_two_upstreams": HIGHER,
        "rpo_frames": HIGHER,
        "rpo_alarms": HIGHER,
    },
    "collector": {
        "sqlite_values_per_s": at_least(1e6),
        "batches_per_s": HIGHER,
        "duplicate_bytes_written": at_most(0),
        "sqlite_http_batches_per_s": at_least(3000),
        "archive_bytes_per_value": at_most(1.2),
        "query_cell_week_s": at_most(1),
        "query_raw_hour_s": at_most(1),
        "query_ten_questions_s": at_most(1),
        "export_parquet_values_per_s": at_least(2e6),
        "postgres_batches_per_s": at_least(3000),
        "postgres_share_of_bare": at_least(0.5),
        "alarm_to_database_s": at_most(1),
        "fleet_5000_agents_rss_mb": at_most(1000),
        "postgres_archive_bytes_per_value": at_most(1.2),
        "postgres_query_cell_week_s": at_most(0.3),
        "postgres_query_raw_hour_s": at_most(1),
        "postgres_query_ten_questions_s": at_most(1),
    },
    "poll": {
        "rtu_9600_share_of_limit": at_least(0.95),
        "rtu_19200_share_of_limit": at_least(0.95),
        "rtu_115200_share_of_limit": at_least(0.85),
        **{
            f"{name}_{baud}_share_of_limit": HIGHER
            for name in ("rtu_over_tcp", "rfc2217")
            for baud in (9600, 115200)
        },
        "lossy_40_interval_p99_s": LOWER,
        "lossy_40_interval_p999_s": at_most(10),
        "lossy_40_rtu_interval_p99_s": at_most(10),
        "lossy_40_rtu_interval_p999_s": LOWER,
        "lossy_40_rtu_silent_interval_p99_s": LOWER,
        "lossy_40_rtu_silent_interval_p999_s": LOWER,
        "closing_device_interval_s": at_most(1.1),
        "gateway_20_dead_first_frame_s": at_most(15),
        "gateway_20_dead_interval_s": LOWER,
        "gateway_20_dead_exception_first_frame_s": LOWER,
        "gateway_20_dead_exception_interval_s": LOWER,
        "gateway_20_dead_waits_first_frame_s": LOWER,
        "gateway_20_dead_waits_interval_s": LOWER,
        "tcp_cpu_us_per_read": LOWER,
        "tcp_cpu_ratio_to_pymodbus": at_most(1.25),
        "tcp_rate_ratio_to_libmodbus": HIGHER,
        "site_64_cpu_percent": at_most(10),
        "site_64_deadline_misses": at_most(0),
        "site_64_jitter_p99_ms": LOWER,
        "site_64_rss_mb": at_most(220),
        "site_64_rss_over_kernels_mb": at_most(45),
        "site_64_faulty_misses": at_most(0),
        "site_64_faulty_cpu_percent": LOWER,
        "site_64_slow_interval_s": LOWER,
        "site_512_cpu_percent": at_most(18),
        "site_512_late_cycles": at_most(0),
        "site_512_deadline_misses": LOWER,
        "site_512_jitter_p99_ms": at_most(100),
        "site_512_rss_mb": LOWER,
    },
    "decode": {
        "decode_values_per_s": at_least(20e6),
        "decode_ratio_to_naive": at_least(50),
    },
    "plant": {
        "cell_steps_per_s": at_least(10e6),
        "healthy_week_240_cells_s": at_most(60),
    },
    "detection": {
        "false_criticals_real": at_most(0),
        "false_warnings_real": LOWER,
        "plain_slope_alarms_real": LOWER,
        "false_alarms_ratio_to_plain_slope": at_most(0.01),
        "real_sensor_years": HIGHER,
        "abuse_lead_s_min": at_least(70),
        "abuse_tests_with_rise_first": HIGHER,
        "abuse_runaways_heard": HIGHER,
        "car2_lead_days": at_least(20),
        "car2_other_cells": at_most(0),
        # upper 95 % bounds
        "false_criticals_per_sensor_year": at_most(0.01),
        "false_warnings_per_sensor_year": at_most(0.1),
        "advice_per_sensor_year_rooms": at_most(9),
        "simulated_sensor_years": HIGHER,
        "learning_hours_max": at_most(24),
        "blind_share_good_input": at_most(0.001),
        "ramp_delay_ratio_room_noise": LOWER,
        "ramp_miss_rate_room_noise": LOWER,
        "gain_over_fixed_slope": at_least(3),
        "ramp_delay_ratio_median": at_most(1.5),
        "ramp_delay_ratio_p95": at_most(2.5),
        "white_noise_false_alarms": LOWER,
        "isc_0.1_lead_min": at_least(45),
        "isc_0.2_lead_min": at_least(150),
        "isc_0.3_delay_coupled_min": LOWER,
        "isc_1_delay_coupled_min": LOWER,
        "isc_10_delay_coupled_h": LOWER,
        "isc_100_days": at_most(3),
        **{f"critical_after_fixed_60_frames_{period}s": at_most(1) for period in (1, 5, 10, 30)},
        # what a step leaves at 5 s and beyond: ADR 33
        "lead_ratio_to_plain_slope_1s": at_least(0.95),
        **{f"lead_ratio_to_plain_slope_{period}s": at_least(0.88) for period in (5, 10)},
        "lead_ratio_to_plain_slope_30s": at_least(0.83),
        # 10 s or 3 frames, the later
        **{f"limit_critical_s_{period}s": at_most(max(10, 3 * period)) for period in (1, 5, 10, 30)},
        "limit_alarms_healthy": at_most(0),
        "sensor_fault_called_thermal": at_most(0),
        "sensor_faults_tried": HIGHER,
        "held_frames_min": at_most(5),
        "worst_named_share": at_least(1),
        "standing_imbalance_s": at_most(60),
        "standing_imbalance_false": at_most(0),
        "filled_values_s_1mv": at_most(120),
        "filled_values_s_5mv": LOWER,  # as soon as chance excludes it; none: not within twelve hours
        "filled_values_s_10mv": LOWER,
        **{f"filled_values_told_{step}mv": HIGHER for step in (1, 5, 10)},  # within these twelve hours
        **{f"filled_values_chance_{step}mv": LOWER for step in (1, 5, 10)},
        "filled_values_false": at_most(0),
        "capacity_drift_cell_days": LOWER,
        "capacity_drift_cell_days_without_soc": LOWER,
        "leak_drift_days": LOWER,
        "leak_drift_days_without_soc": LOWER,
        "loose_contact_alarms_week": at_most(1),
        **{f"heat_called_fault_{period}s": at_most(0) for period in (1, 5, 10, 30)},
        **{f"unproven_heat_s_{period}s": at_most(30) for period in (1, 5, 10, 30)},
        **{f"unproven_heat_per_lone_fault_{period}s": at_most(1) for period in (1, 5, 10, 30)},
        "glitch_frames_called_critical": at_most(0),
        "glitch_frames_tried": HIGHER,
    },
    "detectors": {
        "ns_per_channel_sample": at_most(250),
        "ratio_to_c": at_most(1.3),
        "ratio_to_python": at_least(50),
        "allocations_10000_frames": at_most(0),
        "warm_start_s": at_most(2),
    },
    "page": {
        "page_kb": at_most(100),
        "alarm_page_gzip_bytes": at_most(16_000),
        "history_page_gzip_bytes": at_most(45_000),
        "now_age_s": at_most(2),  # the period of the demo's racks, and 1
        "now_age_on_screen_s": LOWER,
        "view_json_bytes_64": at_most(200_000),
        "first_paint_ms_64_units": at_most(300),
        "first_paint_ms_empty": LOWER,
        "first_paint_ratio_64_units": LOWER,
        "axe_violations": at_most(0),
        "axe_states": HIGHER,
        "figures_of_alarms": at_least(1),
        "frames_ratio_200_viewers": at_least(0.99),
        "late_cycles_alone": LOWER,
        "late_cycles_200_viewers": at_most(0),
        "cpu_percent_alone": LOWER,
        "cpu_percent_200_viewers": LOWER,
        "bytes_per_viewer_s": LOWER,
        "viewers_at_the_end": at_least(200),
    },
    "service": {
        "cold_start_s": at_most(2.5),
        "idle_cpu_percent_4_units": at_most(2),
        "wire_to_relay_p50_ms": LOWER,
        "wire_to_relay_p99_ms": at_most(50),
        "wire_to_relay_max_ms": LOWER,
    },
}


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    with open("/proc/cpuinfo") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith(("model name", "Model"))]
    return {
        "machine": platform.machine(),
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system() + " " + platform.release(),
    }


def result(bench: str, name: str, value: float | None, unit: str, note: str = "") -> dict[str, Any]:
    """Return one figure beside its target. note: see `Figure`."""
    target = TARGETS[bench].get(name, LOWER)
    value = None if value is None else float(value)  # numpy's own booleans and floats are no JSON
    met = None
    if target.value is not None and value is not None:
        met = value <= target.value if target.better == "lower" else value >= target.value
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "target": target.value,
        "better": target.better,
        "met": met,
        "note": note,
    }
