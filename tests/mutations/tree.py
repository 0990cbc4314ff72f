"""The copy of the tree in which bugs are planted, under target/, and what is built there with the dependencies of the tests as they are."""

import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPY = ROOT / "target" / "mutations"


def copy(patterns, modules):
    """The files that git knows or would add, and no others; of the integration tests only these modules are built."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *patterns]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    for found in [path for path in COPY.rglob("*") if path.is_file() and str(path.relative_to(COPY)) not in names]:
        found.unlink()
    own = {
        "Cargo.toml": (ROOT / "Cargo.toml").read_text() + "\n[profile.dev.package.failure-relay]\ndebug = 0\n",
        "tests/it/main.rs": "//! What is asked.\n#![allow(missing_docs)]\n" + "".join(f"mod {name};\n" for name in modules),
    }
    for name in names - own.keys():
        restore(name)
    for name, text in own.items():
        write(name, text)


def restore(name):
    """A file as it is in the tree. Only what differs is written, so that Cargo builds only what differs."""
    source, target = ROOT / name, COPY / name
    if not target.exists() or source.read_bytes() != target.read_bytes():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def write(name, text):
    target = COPY / name
    if not target.exists() or target.read_text() != text:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def test_binary(package, *target):
    """The path of the tests of one target, or none and what the compiler says."""
    environment = dict(os.environ, CARGO_TARGET_DIR=str(ROOT / "target"), CARGO_INCREMENTAL="1")
    command = ["cargo", "test", "--quiet", "--package", package, *target, "--no-run", "--message-format=json"]
    built = subprocess.run(command, cwd=COPY, env=environment, capture_output=True, text=True)
    messages = [json.loads(line) for line in built.stdout.splitlines() if line.startswith("{")]
    if built.returncode == 0:
        for message in messages:
            if message.get("executable") and message["profile"]["test"]:
                return message["executable"], ""
    said = [message["message"]["rendered"] for message in messages if message.get("reason") == "compiler-message"]
    return None, "".join(said) + built.stderr
