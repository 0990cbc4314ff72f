"""The excerpt of the changelog."""

import shutil

import pytest

from run import ROOT, release

CHANGELOG = """# Changelog

## Unreleased

- Not yet.

## 1.10.0 (2026-01-02)

- Ten.

  ### Not a version

## 1.1.0

- One.

## 1.0.0

## 0.9.0

- A.

## 0.9.0

- B.
"""


@pytest.fixture
def changes(tmp_path):
    (tmp_path / "release").mkdir()
    shutil.copy(ROOT / "release/changes", tmp_path / "release")
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    return tmp_path / "release/changes"


@pytest.mark.parametrize(("version", "said"), [("1.1.0", "- One.\n"), ("1.10.0", "- Ten.\n\n  ### Not a version\n")])
def test_a_version_has_its_own_section_alone(changes, version, said):
    assert release(changes, version) == said


@pytest.mark.parametrize("version", ["2.0.0", "1.1", "1.1.", "1.0.0", "0.9.0", ""])
def test_a_version_without_exactly_one_section_that_says_something_fails(changes, version):
    assert "CHANGELOG.md has no section" in release(changes, version, fails=True)
