"""The image is what the OCI specification says, byte for byte the same each time."""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile

import pytest
from fastgate._version import __version__
from fastgate.bundle.image import write_image
from fastgate.bundle.machines import MACHINES


@pytest.fixture
def image(tree, tmp_path):
    """Names in the layout, and what they hold."""
    out = tmp_path / "image.tar"
    write_image(tree, out, MACHINES["arm64"])
    with tarfile.open(out) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}


def blob(image, descriptor):
    """What a descriptor leads to, checked against it."""
    data = image["blobs/sha256/" + descriptor["digest"].removeprefix("sha256:")]
    assert len(data) == descriptor["size"] and hashlib.sha256(data).hexdigest() == descriptor["digest"].removeprefix("sha256:")
    return data


def test_every_descriptor_leads_to_its_bytes_and_nothing_is_left_over(image):
    assert json.loads(image["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads(image["index.json"])
    (entry,) = index["manifests"]
    assert entry["platform"] == {"architecture": "arm64", "os": "linux", "variant": "v8"}
    assert entry["annotations"]["org.opencontainers.image.ref.name"] == __version__
    manifest = json.loads(blob(image, entry))
    assert manifest["schemaVersion"] == 2 and manifest["mediaType"] == entry["mediaType"]
    config = json.loads(blob(image, manifest["config"]))
    plain = [gzip.decompress(blob(image, layer)) for layer in manifest["layers"]]
    assert ["sha256:" + hashlib.sha256(layer).hexdigest() for layer in plain] == config["rootfs"]["diff_ids"]
    assert len(config["history"]) == len(plain) == 2
    assert len(image) == 3 + 1 + 1 + 2


def test_dockers_own_list_names_the_same_blobs(image):
    """Its store of before containerd reads nothing else."""
    manifest = json.loads(blob(image, json.loads(image["index.json"])["manifests"][0]))
    (listed,) = json.loads(image["manifest.json"])
    assert set(listed) == {"Config", "RepoTags", "Layers"} and listed["RepoTags"] == [f"localhost/fastgate:{__version__}"]
    assert image[listed["Config"]] == blob(image, manifest["config"])
    assert [image[layer] for layer in listed["Layers"]] == [blob(image, layer) for layer in manifest["layers"]]


def test_skopeo_reads_it_either_way(tree, tmp_path):
    out = tmp_path / "image.tar"
    write_image(tree, out, MACHINES["arm64"])
    seen = [json.loads(subprocess.run(["skopeo", "inspect", "--config", f"{form}:{out}"], check=True, capture_output=True).stdout)
            for form in ("oci-archive", "docker-archive")]
    assert seen[0]["rootfs"] == seen[1]["rootfs"] and seen[1]["config"]["User"] == "65532:65532"


def test_the_layers_divide_the_tree(image, tree):
    manifest = json.loads(blob(image, json.loads(image["index.json"])["manifests"][0]))
    lower, upper = ({member.name for member in tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob(image, layer))))}
                    for layer in manifest["layers"])
    assert not lower & upper
    assert lower | upper == {str(path.relative_to(tree)) for path in tree.rglob("*")} - {"fastgate", "fastgate-bundle.service"}
    assert "usr/lib/python3.11/os.py" in lower and "usr/lib/python3" in lower
    assert "usr/lib/python3/dist-packages/fastgate/__init__.py" in upper and "etc/fastgate/fastgate.yaml" in upper


def test_it_runs_as_nobody_without_a_shell_and_says_how_it_is(image):
    manifest = json.loads(blob(image, json.loads(image["index.json"])["manifests"][0]))
    config = json.loads(blob(image, manifest["config"]))
    assert (config["os"], config["architecture"], config["variant"]) == ("linux", "arm64", "v8")
    runs = config["config"]
    assert runs["User"] == "65532:65532" and runs["StopSignal"] == "SIGTERM"
    assert runs["Entrypoint"] == ["/usr/bin/python3.11", "-I", "-m", "fastgate"]
    assert runs["Cmd"] == ["run", "-c", "/etc/fastgate/fastgate.yaml"]
    assert runs["Healthcheck"]["Test"] == ["CMD", "/usr/bin/fastgate", "health"]
    assert set(runs["Volumes"]) == {"/run/fastgate"} and "RUNTIME_DIRECTORY=/run/fastgate" in runs["Env"]


def test_twice_the_same_bytes(tree, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    for out in (one, two):
        write_image(tree, out, MACHINES["armhf"])
    assert one.read_bytes() == two.read_bytes()
