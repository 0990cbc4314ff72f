"""The kinds that these tests know are those that the relay has: `relayctl kinds` says which, and nothing else is taken from it."""

import json
import os
import subprocess

from cloudformation import ROOT
from test_template import KINDS


def test_each_kind_of_the_relay_is_known_to_these_tests():
    built = ROOT / "target" / "debug" / "relayctl"
    chosen = os.environ.get("RELAYCTL") or (str(built) if built.exists() else None)
    assert chosen, "no relayctl: build it, or name it in RELAYCTL"
    printed = subprocess.run([chosen, "kinds", "--json"], capture_output=True, text=True, check=True)
    assert sorted(json.loads(line)["kind"] for line in printed.stdout.splitlines()) == sorted(KINDS)
