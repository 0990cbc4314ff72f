"""The scenarios on the stand that E2E_STAND names: LocalStack, unless tests/aws/run says otherwise."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def pytest_configure(config):
    for plugin in ("scenarios", os.environ.get("E2E_STAND", "localstack_stand")):
        config.pluginmanager.import_plugin(plugin)
