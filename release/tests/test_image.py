"""The image of relayctl, as a registry would see it."""

import gzip
import hashlib
import io
import json
import tarfile

from run import COMMIT, VERSION, release

TARGETS = {"amd64": "x86_64-unknown-linux-musl", "arm64": "aarch64-unknown-linux-musl"}


def image(folder, binaries=(b"amd64", b"arm64")):
    """The folder after the image was made out of such binaries."""
    folder.mkdir()
    for target, binary in zip(TARGETS.values(), binaries, strict=True):
        (folder / "relayctl").write_bytes(binary)
        release("archive", folder / f"relayctl-{VERSION}-{target}.tar.gz", f"{folder}/relayctl:relayctl:755")
    (folder / "roots.pem").write_bytes(b"roots")
    release("image", folder, VERSION, COMMIT, folder / "roots.pem")
    return folder


def blobs(folder):
    with tarfile.open(folder / "relayctl-image.tar") as archive:
        return {entry.name: archive.extractfile(entry).read() for entry in archive.getmembers()}


def read(held, descriptor):
    content = held["blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")]
    assert len(content) == descriptor["size"]
    return content


def test_the_same_binaries_make_the_same_image_and_others_another(tmp_path):
    first, second = image(tmp_path / "a"), image(tmp_path / "b")
    other = image(tmp_path / "c", (b"amd64", b"arm65"))
    files = [[(folder / f"relayctl-image.{kind}").read_bytes() for kind in ("tar", "digest")] for folder in (first, second, other)]
    assert files[0] == files[1]
    assert files[0][1] != files[2][1]


def test_every_blob_is_named_by_its_digest(tmp_path):
    held = blobs(image(tmp_path / "a"))
    named = {name: content for name, content in held.items() if name.startswith("blobs/")}
    assert len(named) == 7, "an index, and for each processor a manifest, a configuration and a layer"
    assert all(name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}" for name, content in named.items())


def test_the_digest_that_the_release_names_is_that_of_the_index(tmp_path):
    folder = image(tmp_path / "a")
    (index,) = json.loads(blobs(folder)["index.json"])["manifests"]
    assert (folder / "relayctl-image.digest").read_text() == index["digest"] + "\n"
    assert index["annotations"]["org.opencontainers.image.ref.name"] == VERSION


def test_each_processor_has_its_binary_and_runs_as_nobody(tmp_path):
    held = blobs(image(tmp_path / "a"))
    (descriptor,) = json.loads(held["index.json"])["manifests"]
    manifests = json.loads(read(held, descriptor))["manifests"]
    assert [manifest["platform"]["architecture"] for manifest in manifests] == list(TARGETS)
    for described in manifests:
        manifest = json.loads(read(held, described))
        config = json.loads(read(held, manifest["config"]))
        (layer,) = manifest["layers"]
        unpacked = gzip.decompress(read(held, layer))
        with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
            files = {entry.name: (oct(entry.mode), archive.extractfile(entry).read()) for entry in archive.getmembers()}
        processor = described["platform"]["architecture"]
        assert files == {"etc/ssl/certs/ca-certificates.crt": ("0o644", b"roots"), "relayctl": ("0o755", processor.encode())}
        assert (config["architecture"], config["os"]) == (processor, "linux")
        assert config["config"]["User"] == "65532:65532"
        assert config["config"]["Entrypoint"] == ["/relayctl"]
        assert config["config"]["Labels"]["org.opencontainers.image.revision"] == COMMIT
        assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(unpacked).hexdigest()}"]
