"""The wheelhouse: what belongs in it, which wheels are kept, what is written beside them."""

import hashlib
import io
import subprocess
import tarfile
from pathlib import Path

import pytest
import wheelhouse
from packaging.requirements import Requirement
from targets import LIBCS, TABLE, Target

ARMV7 = Target("armv7l", "cp311")


def test_every_extra_but_the_tests_is_in_it():
    named = {Requirement(line).name for line in wheelhouse.requirements()}
    assert {"httptools", "pyyaml", "uvloop", "jsonschema", "cryptography", "uvicorn", "websockets"} <= named
    assert not named & {"pytest", "hypothesis"}


def test_what_is_built_is_pinned_and_fits_what_fastgate_asks_for():
    asked = {each.name: each.specifier for each in map(Requirement, wheelhouse.requirements())}
    built = [Requirement(line) for line in TABLE["wheelhouse"]["build"]["armv7l"]]
    assert {each.name for each in built} == {"httptools", "uvloop", "pyyaml", "cffi", "msgpack", "msgspec"}
    for each in built:
        (pin,) = each.specifier
        assert pin.operator == "=="
        assert pin.version in asked.get(each.name, each.specifier)


def test_what_plugins_import_is_built_where_no_registry_has_it():
    assert wheelhouse.for_plugins(ARMV7) == wheelhouse.for_plugins(Target("armv7l", "abi3", "musl")) == ["msgpack", "msgspec"]
    assert wheelhouse.for_plugins(Target("aarch64", "cp311")) == []
    assert not set(TABLE["wheelhouse"]["plugins"]) & {Requirement(line).name for line in wheelhouse.requirements()}


def test_what_cannot_be_had_there_is_left_out_and_nothing_else():
    assert wheelhouse.extras_of(Target("armv7l", "abi3", "musl")) == ["fast", "asgi"]
    assert wheelhouse.extras_of(Target("armv7l", "abi3")) == wheelhouse.extras_of(Target("aarch64", "cp313", "musl")) == list(wheelhouse.EXTRAS)
    for name, lacks in TABLE["wheelhouse"]["lacks"].items():
        arch, libc = name.split("-")
        assert arch in TABLE["arch"] and libc in LIBCS and set(lacks["extras"]) <= set(wheelhouse.EXTRAS)
        assert set(lacks["builds"]) <= {Requirement(line).name for line in TABLE["wheelhouse"]["build"][arch]}


def test_a_house_is_filled_without_what_it_lacks(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(wheelhouse, "DIST", tmp_path)
    monkeypatch.setattr(wheelhouse, "pip", lambda *words: asked.extend(words))

    def build(target, requirement, sha256, out):
        (made := tmp_path / f"{requirement.replace('==', '-')}-{target}.whl").touch()
        return made

    monkeypatch.setattr(wheelhouse, "build", build)
    house = wheelhouse.fill("armv7l", "3.11", "musl")
    assert {path.name.partition("-")[0] for path in house.glob("*.whl")} == {"httptools", "uvloop", "pyyaml", "msgpack", "msgspec"}
    named = {Requirement(word).name for word in asked if ">=" in word}
    assert {"httptools", "uvloop", "uvicorn"} <= named and not named & {"cryptography", "jsonschema"}


@pytest.mark.parametrize("words, filled", [
    ([], [("armv7l", "3.11", "gnu")]), (["armv7l-musl", "aarch64", "--python", "3.13"], [("armv7l", "3.13", "musl"), ("aarch64", "3.13", "gnu")]),
])
def test_which_house_a_name_is(monkeypatch, capsys, words, filled):
    asked = []
    monkeypatch.setattr(wheelhouse, "fill", lambda *told: asked.append(told) or wheelhouse.house_of(told[0], told[2]))
    monkeypatch.setattr("sys.argv", ["wheelhouse.py", *words])
    wheelhouse.main()
    assert asked == filled and len(capsys.readouterr().out.splitlines()) == len(filled)
    monkeypatch.setattr("sys.argv", ["wheelhouse.py", "mips-musl"])
    with pytest.raises(SystemExit, match="no architecture 'mips'"):
        wheelhouse.main()


def test_a_source_with_another_hash_is_not_built(tmp_path, monkeypatch, capfd):
    packed = tmp_path / "planted-1.0.tar.gz"
    with tarfile.open(packed, "w:gz") as tar:
        for name, data in {"PKG-INFO": b"Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n",
                           "setup.py": b"from setuptools import setup\nsetup(name='planted', version='1.0')\n"}.items():
            entry = tarfile.TarInfo(f"planted-1.0/{name}")
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    right = hashlib.sha256(packed.read_bytes()).hexdigest()
    assert wheelhouse.fetched("planted==1.0", right, tmp_path).read_bytes() == packed.read_bytes()
    with pytest.raises(subprocess.CalledProcessError):
        wheelhouse.fetched("planted==1.0", right[:-1] + ("0" if right[-1] != "0" else "1"), tmp_path)
    assert "DO NOT MATCH THE HASHES" in capfd.readouterr().err


def test_a_package_is_built_with_what_builds_it(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(wheelhouse, "pip", lambda *words: asked.append(words))
    assert wheelhouse.builder_of("httptools==0.9.0", tmp_path) == "" and not asked
    site = wheelhouse.builder_of("msgspec==0.22.0", tmp_path)
    assert [words[-2:] for words in asked] == [(site, "setuptools-scm>=8,<10")]


def test_pip_is_asked_for_what_the_board_can_load():
    words = wheelhouse.foreign("armv7l", "3.13")
    platforms = [word for before, word in zip(words, words[1:], strict=False) if before == "--platform"]
    assert platforms[0] == "manylinux_2_36_armv7l"
    assert {"manylinux_2_17_armv7l", "manylinux2014_armv7l"} <= set(platforms) and "manylinux_2_37_armv7l" not in platforms
    assert "cp313" in words and "cp311" not in words


def test_what_a_cpython_had_before_goes_unless_another_has_it(tmp_path):
    house = tmp_path / "house"
    house.mkdir()

    def renew(python, *names):
        fresh = tmp_path / "-".join([python, *names])
        fresh.mkdir()
        for name in names:
            (fresh / f"{name}-py3-none-any.whl").write_text(name)
        wheelhouse.renew(house, fresh, python)
        return {path.name.removesuffix("-py3-none-any.whl") for path in house.glob("*.whl")}

    (house / "stray-1-py3-none-any.whl").write_text("of an unfinished run")
    assert renew("cp311", "both-1", "own-1") == {"both-1", "own-1"}
    assert renew("cp313", "both-1", "new-1") == {"both-1", "own-1", "new-1"}
    assert renew("cp311", "both-2") == {"both-1", "both-2", "new-1"}
    assert renew("cp313", "both-2", "new-1") == {"both-2", "new-1"}


def test_sums_are_what_sha256sum_checks(tmp_path):
    for name in ("b-1-py3-none-any.whl", "a-1-py3-none-any.whl"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "notes.txt").write_text("no wheel")
    wheelhouse.write_sums(tmp_path)
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True)
    first, second = (tmp_path / "SHA256SUMS").read_text().splitlines()
    assert first == f"{hashlib.sha256(b'a-1-py3-none-any.whl').hexdigest()}  a-1-py3-none-any.whl" and second.endswith("  b-1-py3-none-any.whl")


def test_what_was_built_before_is_built_no_more(tmp_path, wheel_of, compiled):
    kept = wheel_of(ARMV7, compiled(ARMV7, "int PyInit_core(void) { return 0; }")).path
    kept = kept.rename(kept.with_name(kept.name.replace("fastgate-9.9.9", "planted-1.0")))
    assert wheelhouse.build(ARMV7, "planted==1.0", "00" * 32, kept.parent) == kept


def test_what_passes_no_gate_any_more_is_not_kept(tmp_path, wheel_of, compiled, monkeypatch):
    class Asked(Exception):
        pass

    def asked(*arguments):
        raise Asked

    neon = compiled(ARMV7, "int PyInit_core(void) { return 0; }", compiler=["-target", "arm-linux-gnueabihf.2.17"])
    kept = wheel_of(ARMV7, neon).path
    kept = kept.rename(kept.with_name(kept.name.replace("fastgate-9.9.9", "planted-1.0")))
    monkeypatch.setattr(wheelhouse, "pip", asked)
    with pytest.raises(Asked):
        wheelhouse.build(ARMV7, "planted==1.0", "00" * 32, kept.parent)
    assert not kept.exists()


def test_cffi_finds_nothing_but_the_archive(tmp_path):
    program = wheelhouse.static_libffi(ARMV7, tmp_path)
    answers = [subprocess.run([program, word, "libffi"], capture_output=True, text=True, check=True).stdout.strip()
               for word in ("--cflags-only-I", "--libs-only-L", "--libs-only-l", "--cflags-only-other")]
    include, library, *rest = answers
    assert (Path(include.removeprefix("-I")) / "ffi.h").is_file() and rest == ["-lffi", ""]
    assert [path.name for path in Path(library.removeprefix("-L")).iterdir()] == ["libffi.a"]


def test_an_archive_is_its_objects():
    objects = [b"\x7fELF odd", b"\x7fELF even"]
    entries = [b"%-48s%-10d`\n%s%s" % (b"name/", len(data), data, b"\n" * (len(data) % 2)) for data in (b"index", *objects)]
    assert list(wheelhouse.members(b"!<arch>\n" + b"".join(entries))) == objects
