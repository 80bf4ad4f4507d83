"""A collector is installed without the agent's dependencies: none of them may be needed."""

import subprocess
import sys

AGENT_ONLY = ("numba", "pydantic", "pymodbus", "serial", "zeroconf")

PROGRAM = """
import importlib, pkgutil, sys
for name in {blocked}:
    sys.modules[name] = None  # importing it now raises ModuleNotFoundError
import agent.cli, collector
for module in pkgutil.walk_packages(collector.__path__, "collector."):
    importlib.import_module(module.name)
from click.testing import CliRunner
{call}
print(result.exit_code, result.output)
"""


def run(call: str) -> str:
    program = PROGRAM.format(blocked=AGENT_ONLY, call=call)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_part_of_the_collector_works_without_the_agents_dependencies() -> None:
    said = run("result = CliRunner().invoke(collector.cli.main, ['serve', '--help'])")
    assert said.startswith("0 ")


def test_the_agents_commands_say_what_to_install() -> None:
    said = run("result = CliRunner().invoke(agent.cli.main, ['run'])")
    assert said.startswith("1 ")
    assert "pip install 'cellwarden[agent]'" in said


def test_a_collector_without_the_library_says_what_announcing_needs() -> None:
    said = run(
        "result = CliRunner().invoke(collector.cli.main,"
        " ['serve', '--sink', 'sqlite:/nonexistent/c.db', '--announce', 'a'])"
    )
    assert said.startswith("2 ")
    assert "--announce needs a library that is not installed: pip install zeroconf" in said
