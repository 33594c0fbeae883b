"""pip chooses for the other machine: its wheels, and the dependencies that its markers ask for."""

import zipfile

import pytest
from fastgate.bundle import BundleError
from fastgate.bundle.machines import MACHINES
from fastgate.bundle.wheels import install


def make_wheel(folder, name, tag, requires=()):
    info = f"{name}-1.dist-info"
    with zipfile.ZipFile(folder / f"{name}-1-{tag}.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"tag = '{tag}'\n")
        wheel.writestr(f"{info}/METADATA", "\n".join(["Metadata-Version: 2.1", f"Name: {name}", "Version: 1",
                                                      *(f"Requires-Dist: {one}" for one in requires), ""]))
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A folder of wheels that is all pip gets to see."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = tmp_path / "house"
    folder.mkdir()
    return folder


def installed(house, tmp_path, arch, python="3.11.2"):
    site = tmp_path / f"site-{arch}-{python}"
    install(["one"], MACHINES[arch], python, [str(house)], site)
    return {path.stem: path.read_text() for path in site.glob("*.py")}


def test_the_machines_own_wheel_is_taken(house, tmp_path):
    for tag in ("cp311-abi3-manylinux_2_17_aarch64", "cp311-abi3-manylinux_2_17_armv7l", "cp311-cp311-linux_x86_64"):
        make_wheel(house, "one", tag)
    assert "armv7l" in installed(house, tmp_path, "armhf")["one"]
    assert "aarch64" in installed(house, tmp_path, "arm64")["one"]
    assert "x86_64" in installed(house, tmp_path, "amd64")["one"]


def test_markers_are_those_of_the_machine_and_its_python(house, tmp_path):
    make_wheel(house, "one", "py3-none-any", ["fast; platform_machine != 'armv7l'", "late; python_full_version < '3.11.3'"])
    make_wheel(house, "fast", "cp311-cp311-manylinux_2_17_aarch64")
    make_wheel(house, "late", "py3-none-any")
    assert set(installed(house, tmp_path, "armhf")) == {"one", "late"}
    assert set(installed(house, tmp_path, "arm64")) == {"one", "fast", "late"}
    assert set(installed(house, tmp_path, "arm64", "3.11.9")) == {"one", "fast"}


def test_a_wheel_that_is_missing_is_named_with_the_way_to_give_it(house, tmp_path):
    make_wheel(house, "one", "cp311-abi3-manylinux_2_17_aarch64")
    with pytest.raises(BundleError) as refused:
        installed(house, tmp_path, "armhf")
    assert "No matching distribution found for one" in str(refused.value) and "armv7l" in str(refused.value)
    assert "--wheels DIR" in str(refused.value)
