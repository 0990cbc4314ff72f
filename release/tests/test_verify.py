"""What `release/verify` finds in a release that was not made as it must be."""

import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

import pytest

from run import COMMIT, VERSION, release

MACHINES = {"x86_64": 62, "arm64": 183, "aarch64": 183}


def program(processor, commit=COMMIT):
    """What is seen of an ELF file."""
    return b"\x7fELF" + bytes(14) + MACHINES[processor].to_bytes(2, "little") + commit.encode()


def put_program(folder, out, name, content, mode="755"):
    (folder / "made").write_bytes(content)
    release("archive", folder / out, f"{folder}/made:{name}:{mode}")
    (folder / "made").unlink()


def put_sbom(folder, name, version=VERSION, path="/failure-relay/src", missing=()):
    crates = [{"name": f"c{number}", "bom-ref": f"file://{path}#c{number}"} for number in range(10)]
    own = {"name": name, "version": version, "bom-ref": "own"}
    edges = [{"ref": "own", "dependsOn": [crate["bom-ref"] for crate in crates] + list(missing)}]
    document = {"bomFormat": "CycloneDX", "metadata": {"component": own}, "components": crates, "dependencies": edges}
    (folder / f"{name}.cdx.json").write_text(json.dumps(document))


def put_image(folder):
    (folder / "roots").write_bytes(b"roots")
    release("image", folder, VERSION, COMMIT, folder / "roots")
    (folder / "roots").unlink()


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    for processor in ("x86_64", "arm64"):
        for name in ("relay", "watch"):
            put_program(folder, f"{name}-{processor}.zip", "bootstrap", program(processor))
    for processor in ("x86_64", "aarch64"):
        put_program(folder, tool(processor), "relayctl", program(processor))
    put_image(folder)
    for name in ("failure-relay", "failure-watch", "relayctl"):
        put_sbom(folder, name)
    for name in (f"failure_relay-{VERSION}-py3-none-any.whl", f"failure_relay-{VERSION}.tar.gz", f"failure-relay-{VERSION}.tgz", "CHANGES"):
        (folder / name).write_text(name)
    release("template", folder, VERSION, COMMIT)
    return folder


@pytest.fixture
def built(stand_ins, tmp_path):
    """A release of stand-ins."""
    return Path(shutil.copytree(stand_ins, tmp_path / "release"))


def tool(processor):
    return f"relayctl-{VERSION}-{processor}-unknown-linux-musl.tar.gz"


def put_image_for_one_processor(folder):
    image = folder / "relayctl-image.tar"
    with tarfile.open(image) as archive:
        held = {entry.name: archive.extractfile(entry).read() for entry in archive if entry.isfile()}
    outer = json.loads(held["index.json"])
    (described,) = outer["manifests"]
    inner = json.loads(held["blobs/sha256/" + described["digest"].removeprefix("sha256:")])
    del inner["manifests"][1:]
    content = json.dumps(inner).encode()
    described |= {"digest": "sha256:" + hashlib.sha256(content).hexdigest(), "size": len(content)}
    held |= {"index.json": json.dumps(outer).encode(), "blobs/sha256/" + described["digest"].removeprefix("sha256:"): content}
    with tarfile.open(image, "w") as archive:
        for name, data in held.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    (folder / "relayctl-image.digest").write_text(described["digest"] + "\n")


def found(folder, is_summed=True):
    if is_summed:
        release("checksums", folder)
    return release("verify", folder, VERSION, COMMIT, fails=True)


def test_a_whole_release_passes(built):
    release("checksums", built)
    assert "as they must be" in release("verify", built, VERSION, COMMIT)


@pytest.mark.parametrize(
    "wrong, complaint",
    [
        (lambda at: put_program(at, "relay-arm64.zip", "bootstrap", program("x86_64")), "relay-arm64.zip: bootstrap is no program for arm64"),
        (lambda at: put_program(at, "watch-x86_64.zip", "bootstrap", b"#!/bin/sh" + COMMIT.encode()), "is no program for x86_64"),
        (lambda at: put_program(at, "relay-x86_64.zip", "bootstrap", program("x86_64"), mode="644"), "has the mode 644"),
        (lambda at: put_program(at, "watch-arm64.zip", "bootstrap", program("arm64", "unknown")), "does not name the commit"),
        (lambda at: put_program(at, tool("aarch64"), "relayctl", program("aarch64") + b"+"), "machine 183 is not the same in archive and image"),
        (lambda at: put_sbom(at, "relayctl", version="9.9.9"), f"relayctl.cdx.json is no SBOM of relayctl {VERSION}"),
        (lambda at: put_sbom(at, "relayctl", missing=["gone"]), "depends on what is not in it"),
        (lambda at: put_sbom(at, "failure-watch", path="/home/somebody/src"), "names ['file:///home/somebody/src']"),
        (lambda at: release("template", at, VERSION, "0" * 40), "failure-relay.yaml does not name version and commit"),
        (lambda at: (at / "relayctl-image.digest").write_text(f"sha256:{'0' * 64}\n"), "its index does not lead to sha256:000"),
        (lambda at: put_image_for_one_processor(at), "it is not for amd64 and arm64"),
        (lambda at: (at / "CHANGES").unlink(), "CHANGES is missing"),
        (lambda at: (at / "left-over").write_text("x"), "left-over is no part of a release"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(built, wrong, complaint):
    wrong(built)
    assert complaint in found(built)


def test_what_was_changed_after_its_checksum_was_taken_is_named(built):
    release("checksums", built)
    (built / "CHANGES").write_text("other")
    assert "CHANGES has not the checksum" in found(built, is_summed=False)


def test_an_image_whose_blob_was_changed_is_refused(built):
    image = built / "relayctl-image.tar"
    content = image.read_bytes()
    assert content.count(b'"rootfs"') == 2
    digest = (built / "relayctl-image.digest").read_text().strip().removeprefix("sha256:")
    at = content.index(b"index.v1", content.index(digest.encode()))
    image.write_bytes(content[:at] + b"INDEX.v1" + content[at + 8 :])
    assert "is another content's" in found(built)
