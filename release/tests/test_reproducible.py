"""`release/reproducible` fails for whatever makes two builds differ. The build is a stand-in."""

import os
import shutil
import subprocess

import pytest

from run import ROOT

NEEDED = ["Cargo.toml", "release/environment.sh", "release/reproducible", "release/version", "tests/template/venv.sh"]


def compared(folder, build):
    """What becomes of a repository whose `release/build` does this with the folder `$1`."""
    for name in NEEDED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "release/build").write_text(f'#!/usr/bin/env bash\nset -e\nmkdir "$1"\n{build} >"$1/made"\n')
    (folder / "release/build").chmod(0o755)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "one"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    apart = {name: value for name, value in os.environ.items() if name != "FAILURE_RELAY_TOOLS"}
    return subprocess.run([folder / "release/reproducible"], cwd=folder, capture_output=True, text=True, env=apart)


def test_what_depends_on_the_sources_alone_is_the_same(tmp_path):
    ran = compared(tmp_path, 'cat "$(dirname "$0")/../Cargo.toml"')
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.endswith("both builds are the same\n")


@pytest.mark.parametrize("build", ['dirname "$0"', 'echo "$CARGO_HOME"', "date +%Z", "umask", "date +%N"])
def test_what_depends_on_folder_zone_umask_or_time_is_found(tmp_path, build):
    ran = compared(tmp_path, build)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "/first/made" in ran.stdout and "/second/made" in ran.stdout
