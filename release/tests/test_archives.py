"""Archives and checksums: the same bytes from the same content, and nothing that is overlooked."""

import os
import subprocess
import tarfile
import zipfile

import pytest

from run import release

KINDS = ["zip", "tar.gz"]


def packed(folder, kind, content=b"\x7fELF", touched=0, order=1, epoch=1_700_000_000):
    """The bytes of an archive of two files."""
    folder.mkdir()
    for name, held in {"program": content, "LICENSE": b"free"}.items():
        (folder / name).write_bytes(held)
        (folder / name).chmod(0o600)
        os.utime(folder / name, (touched, touched))
    files = [f"{folder}/program:bootstrap:755", f"{folder}/LICENSE:LICENSE:644"]
    out = folder / f"out.{kind}"
    release("archive", out, *files[::order], epoch=epoch)
    return out.read_bytes()


@pytest.mark.parametrize("kind", KINDS)
def test_neither_times_nor_order_nor_folder_nor_modes_of_the_files_change_an_archive(tmp_path, kind):
    assert packed(tmp_path / "a", kind) == packed(tmp_path / "b", kind, touched=1_600_000_000, order=-1)


@pytest.mark.parametrize("kind", KINDS)
def test_content_and_time_of_the_commit_change_an_archive(tmp_path, kind):
    same = packed(tmp_path / "a", kind)
    assert same != packed(tmp_path / "b", kind, content=b"\x7fELG")
    assert same != packed(tmp_path / "c", kind, epoch=1_700_000_002)


def test_lambda_can_run_what_is_in_a_zip(tmp_path):
    packed(tmp_path / "a", "zip")
    with zipfile.ZipFile(tmp_path / "a/out.zip") as archive:
        assert archive.namelist() == ["LICENSE", "bootstrap"]
        assert [entry.external_attr >> 16 for entry in archive.infolist()] == [0o100644, 0o100755]
        assert archive.read("bootstrap") == b"\x7fELF"
        assert {entry.create_system for entry in archive.infolist()} == {3}
        assert {entry.date_time for entry in archive.infolist()} == {(2023, 11, 14, 22, 13, 20)}


def test_a_tar_names_nobody_and_no_time_but_that_of_the_commit(tmp_path):
    assert packed(tmp_path / "a", "tar.gz")[4:8] == b"\0\0\0\0", "gzip's own time"
    with tarfile.open(tmp_path / "a/out.tar.gz") as archive:
        entries = archive.getmembers()
    known = [(entry.name, entry.mode, entry.uid, entry.uname, entry.mtime) for entry in entries]
    assert known == [("LICENSE", 0o644, 0, "", 1_700_000_000), ("bootstrap", 0o755, 0, "", 1_700_000_000)]


def verified(folder):
    return subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, capture_output=True).returncode == 0


def test_checksums_verify_until_a_byte_changes(tmp_path):
    for name in ("b.zip", "a.yaml", "name with blanks"):
        (tmp_path / name).write_text(name)
    release("checksums", tmp_path)
    sums = (tmp_path / "SHA256SUMS").read_text()
    assert [line.split("  ", 1)[1] for line in sums.splitlines()] == ["a.yaml", "b.zip", "name with blanks"]
    assert verified(tmp_path)
    release("checksums", tmp_path)
    assert (tmp_path / "SHA256SUMS").read_text() == sums, "it does not list itself"
    (tmp_path / "a.yaml").write_text("a.yamL")
    assert not verified(tmp_path)
