"""Runs the scripts of a release."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def release(script, *arguments, fails=False, epoch=1_700_000_000, cwd=None):
    """What a script prints; where it `fails`, what it complains of."""
    ran = subprocess.run([ROOT / "release" / script, *map(str, arguments)], capture_output=True, text=True, cwd=cwd,
                         env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)})  # fmt: skip
    assert (ran.returncode != 0) == fails, ran.stdout + ran.stderr
    return ran.stderr if fails else ran.stdout


VERSION = release("version").strip()
