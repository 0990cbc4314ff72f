"""One version, and one compiler."""

import json
import re
import tomllib

from run import ROOT, VERSION, release


def read(path):
    return (ROOT / path).read_text()


def test_the_version_is_one_of_semantic_versioning():
    assert re.fullmatch(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?", VERSION)


def test_the_lock_file_has_the_version_for_each_crate_of_the_workspace():
    ours = {package["name"]: package["version"] for package in tomllib.loads(read("Cargo.lock"))["package"] if "source" not in package}
    assert {"failure-relay", "failure-watch", "relayctl"} <= set(ours)
    assert set(ours.values()) == {VERSION}


def test_no_crate_of_the_workspace_has_a_version_of_its_own():
    for manifest in [ROOT / "Cargo.toml", *(ROOT / "crates").glob("*/Cargo.toml")]:
        assert tomllib.loads(manifest.read_text())["package"]["version"] == {"workspace": True}, manifest


def test_the_publishers_have_the_version():
    (python,) = re.findall(r'(?m)^__version__ = "(.*)"$', read("publishers/python/src/failure_relay/__init__.py"))
    package, lock = (json.loads(read(f"publishers/typescript/{name}.json")) for name in ("package", "package-lock"))
    assert [python, package["version"], lock["version"], lock["packages"][""]["version"]] == [VERSION] * 4


def test_the_minor_version_is_the_supported_one():
    minor = ".".join(VERSION.split(".")[:2])
    assert f"| {minor}.x | yes |" in read("SECURITY.md")


def test_the_changelog_has_a_section_of_the_version():
    assert release("changes", VERSION)


def test_a_release_is_compiled_with_what_sam_build_compiles_with():
    for package in ("cargo-lambda", "ziglang"):
        pins = [re.findall(rf"(?m)^{package}==.*$", read(path)) for path in ("release/requirements.in", "tests/template/requirements-sam.in")]
        assert pins[0] == pins[1] != [], package
