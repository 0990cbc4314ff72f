"""The cheapest test that should miss what is taken away from a kind, and what it says."""

import os
import subprocess
from dataclasses import dataclass

import tree

MODULES = ["contributor", "event_files", "events", "mutilated_events", "schema", "simulation"]


@dataclass(frozen=True)
class Cargo:
    """Tests of a package: those with this in their names."""

    target: tuple
    tests: str


@dataclass(frozen=True)
class Pytest:
    """Tests of a folder, with the virtual environment that it has."""

    environment: str
    tests: tuple


@dataclass(frozen=True)
class Chaos:
    """The tables that the chaos test looks through before it starts anything."""


IT = ("failure-relay", "--test", "it")
CHECKS = {
    "core": Cargo(("failure-event", "--lib"), "target::reference::"),
    "notices": Cargo(("failure-event", "--lib"), "notice::"),
    "contributor": Cargo(IT, "contributor::every_target"),
    "events": Cargo(IT, "events::the_readme_of_the_events"),
    "schema": Cargo(IT, "schema::the_schema_in_the_repository"),
    "stage": Cargo(IT, "simulation::stage::each"),
    "fuzzing": Cargo(IT, "mutilated_events::fuzzing_knows"),
    "black box": Pytest("blackbox", ("tests/blackbox/test_10_kinds.py", "-k", "known_to_this_suite or known_of_each_kind")),
    "chaos": Chaos(),
    "templates": Pytest("sam", ("tests/template/test_kinds.py", "-k", "known_to_this_suite or resources_of_each_kind")),
    "quotas": Pytest("sam", ("tests/template/test_cost_and_scale.py", "-k", "has_its_quota")),
    "generated": Pytest("sam", ("tests/template/test_generated.py", "-k", "parameter_of_each_kind")),
    "dashboard": Pytest("sam", ("tests/template/test_template.py", "-k", "shows_every_metric")),
}

INSTALL = """
source tests/template/venv.sh
venv blackbox python3 tests/blackbox/requirements.txt && venv sam "$(python_at_least 11)" tests/template/requirements-sam.txt && echo "$tools"
"""


class Judges:
    """What the checks need, made once: the tool, the virtual environments, and the tests' binaries."""

    def __init__(self):
        self.relayctl = os.environ.get("RELAYCTL") or self._build_relayctl()
        installed = subprocess.run(["bash", "-euc", INSTALL], cwd=tree.ROOT, check=True, stdout=subprocess.PIPE, text=True)
        self.tools = installed.stdout.splitlines()[-1]
        self._binaries = {}

    @staticmethod
    def _build_relayctl():
        subprocess.run(["cargo", "build", "--quiet", "--package", "relayctl"], cwd=tree.ROOT, check=True)
        return str(tree.ROOT / "target/debug/relayctl")

    def ask(self, name, is_code_new):
        """Whether a check passes in the copy, and what it says. What is compiled is built anew where code is new."""
        check = CHECKS[name]
        if isinstance(check, Cargo):
            return self._ask_cargo(check, is_code_new)
        if isinstance(check, Chaos):
            return self._run([self._python("blackbox"), "-B", "tests/chaos/run", "--seconds", "0"])
        return self._run([self._python(check.environment), "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", *check.tests])

    def _ask_cargo(self, check, is_code_new):
        if is_code_new or check.target not in self._binaries:
            binary, said = tree.test_binary(*check.target)
            if binary is None:
                return False, said
            self._binaries[check.target] = binary
        done, said = self._run([self._binaries[check.target], check.tests])
        if " 0 passed; 0 failed" in said:
            raise RuntimeError(f"no test is named {check.tests}")
        return done, said

    def _run(self, command):
        # No function is started by these tests, but where it is must be known.
        environment = dict(os.environ, RELAYCTL=self.relayctl, RELAY_BINARY=self.relayctl, RUST_BACKTRACE="0")
        done = subprocess.run(command, cwd=tree.COPY, env=environment, capture_output=True, text=True)
        return done.returncode == 0, done.stdout + done.stderr

    def _python(self, environment):
        return f"{self.tools}/{environment}/bin/python"
