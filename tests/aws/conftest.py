"""The scenarios that only AWS can show, on the same stand as those of tests/e2e."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]


def pytest_configure(config):
    if stand := os.environ.get("E2E_STAND"):
        for plugin in ("scenarios", stand):
            config.pluginmanager.import_plugin(plugin)
