"""A build asks for what it needs before it takes half an hour."""

import os
import subprocess

import pytest

from run import ROOT

TARGETS = ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"]


@pytest.mark.parametrize("missing", TARGETS)
def test_a_target_that_rust_lacks_is_named_and_nothing_is_built(tmp_path, missing):
    for target in TARGETS:
        if target != missing:
            (tmp_path / "lib/rustlib" / target).mkdir(parents=True)
    rustc = tmp_path / "rustc"
    rustc.write_text(f"#!/bin/sh\necho {tmp_path}\n")
    rustc.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ran = subprocess.run([ROOT / "release/build", tmp_path / "out"], capture_output=True, text=True, env={**os.environ, **path})
    assert ran.returncode == 2
    assert ran.stderr.endswith(f"rustup target add {missing}\n")
    assert not (tmp_path / "out").exists()
