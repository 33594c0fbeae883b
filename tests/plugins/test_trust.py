"""`plugin_trust`: what is signed is what is executed, and nothing else is."""

from __future__ import annotations

import asyncio
import os
from hashlib import sha256

import pytest
from hypothesis import given, strategies

from fastgate.plugins import discovery, manifest, trust
from fastgate.plugins.registry import find_python
from fastgate.sdk import PluginError
from plugins.signing import install, make_wheel, new_key, sign, signed_file, signed_folder, signed_wheel, source

PRIVATE, PUBLIC = new_key()
FOREIGN, FOREIGN_PUBLIC = new_key()


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    for name in ("_latest", "_running", "_known"):
        monkeypatch.setattr(discovery, name, {})
    monkeypatch.setattr(discovery, "_alive", [])


def answer_of(found):
    """What the plugin's hook answers: its code did run."""
    hook = found["one"].contract.hooks["access"]
    return asyncio.run(hook(None, None, None)).body


def refusal(folder, trusted=(PUBLIC,)):
    found, wrong = find_python(str(folder), list(trusted))
    assert "one" not in found and len(wrong) == 1, (found, wrong)
    return wrong[0]


def test_a_signed_file(tmp_path):
    signed_file(tmp_path, PRIVATE)
    found, wrong = find_python(str(tmp_path), [FOREIGN_PUBLIC, PUBLIC])
    assert not wrong and found["one"].signer == PUBLIC and answer_of(found) == b'"one"'


def test_a_signed_folder_runs_what_was_verified(tmp_path):
    """What is put in place afterwards is not looked at, though it is imported late: neither source nor bytecode."""
    file = signed_folder(tmp_path, PRIVATE)
    found, wrong = find_python(str(tmp_path), [PUBLIC])
    assert not wrong
    (file.parent / "deep" / "part.py").write_text("VALUE = 'foreign'")
    (file.parent / "deep" / "text").write_text("foreign")
    (file.parent / "deep" / "__pycache__").mkdir()
    assert answer_of(found) == b'"signed text"'


def test_bytecode_is_not_read(tmp_path):
    import importlib.util
    import py_compile

    file = signed_folder(tmp_path, PRIVATE)
    part = file.parent / "deep" / "part.py"
    good = part.read_text()
    part.write_text("VALUE = 'foreign'")
    compiled = py_compile.compile(str(part), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    assert compiled == importlib.util.cache_from_source(str(part))
    part.write_text(good)
    found, wrong = find_python(str(tmp_path), [PUBLIC])
    assert not wrong and answer_of(found) == b'"signed text"'


def test_not_signed(tmp_path):
    (tmp_path / "one.py").write_text("raise SystemExit('it was run')")
    assert f"{tmp_path}/one.py: is not signed: there is no {tmp_path}/one.py.sig; sign it" in refusal(tmp_path)


def test_changed(tmp_path):
    file = signed_file(tmp_path, PRIVATE)
    file.write_text(file.read_text() + "\nraise SystemExit('it was run')")
    assert "one.py is not what was signed: install the plugin again" in refusal(tmp_path)


def test_signed_with_a_foreign_key(tmp_path):
    signed_file(tmp_path, FOREIGN)
    assert f"signed with the key {FOREIGN_PUBLIC}, which gateway.plugin_trust does not name" in refusal(tmp_path)


def test_signed_with_a_foreign_key_that_says_it_is_ours(tmp_path):
    file = signed_file(tmp_path, FOREIGN)
    place = trust.signature_of(file)
    place.write_text(place.read_text().replace(FOREIGN_PUBLIC, PUBLIC))
    assert "the signature is wrong" in refusal(tmp_path)


def test_a_key_no_longer_trusted(tmp_path):
    signed_file(tmp_path, PRIVATE)
    find_python(str(tmp_path), [PUBLIC])
    discovery.settle([one.contract for one in discovery._alive])
    found, wrong = find_python(str(tmp_path), [FOREIGN_PUBLIC])
    problems = []
    found["one"].CONFIG.read({}, problems)
    assert "does not name; version 1.0.0 of one goes on" in problems[0][1] and len(wrong) == 1


def test_trust_that_comes_later_takes_what_is_signed_and_runs(tmp_path):
    signed_file(tmp_path, PRIVATE)
    before, _ = find_python(str(tmp_path))
    discovery.settle([one.contract for one in discovery._alive])
    after, wrong = find_python(str(tmp_path), [PUBLIC])
    assert not wrong and after["one"] is before["one"] and after["one"].signer == PUBLIC


@pytest.mark.parametrize("name, version", [("two", "1.0.0"), ("one", "2.0.0")])
def test_signed_as_another(tmp_path, name, version):
    file = tmp_path / "one.py"
    file.write_text(source())
    sign(file, PRIVATE, name, version)
    assert f"is signed as {name} {version}, and is one 1.0.0" in refusal(tmp_path)


def test_a_signature_of_another_file(tmp_path):
    signed_file(tmp_path, PRIVATE)
    os.rename(tmp_path / "one.py", tmp_path / "other.py")
    os.rename(tmp_path / "one.py.sig", tmp_path / "other.py.sig")
    assert "other.py is there, but not signed" in refusal(tmp_path)


@pytest.mark.parametrize("path", ["more.py", "deep/part.so", "deep/part/__init__.py", ".hidden", "part.pyc"])
def test_a_file_more(tmp_path, path):
    folder = signed_folder(tmp_path, PRIVATE).parent
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_text("raise SystemExit('it was run')")
    assert f"{path} is there, but not signed: remove it" in refusal(tmp_path)


def test_a_file_less(tmp_path):
    folder = signed_folder(tmp_path, PRIVATE).parent
    (folder / "deep" / "text").unlink()
    assert "deep/text is signed, but not there" in refusal(tmp_path)


def test_links(tmp_path):
    folder = signed_folder(tmp_path / "plugins", PRIVATE).parent
    elsewhere = tmp_path / "elsewhere"
    for path in (folder / "deep" / "part.py", folder / "deep", folder / "__init__.py", folder / trust.SIGNATURE, folder):
        os.rename(path, elsewhere)
        path.symlink_to(elsewhere)          # to the very bytes that are signed
        assert f"{path} is a link: with gateway.plugin_trust" in refusal(tmp_path / "plugins")
        path.unlink()
        os.rename(elsewhere, path)
    assert not find_python(str(tmp_path / "plugins"), [PUBLIC])[1]


def test_a_link_instead_of_a_file(tmp_path):
    (tmp_path / "plugins").mkdir()
    file = signed_file(tmp_path / "plugins", PRIVATE)
    os.rename(file, tmp_path / "elsewhere.py")
    file.symlink_to(tmp_path / "elsewhere.py")
    assert f"{file} is a link" in refusal(tmp_path / "plugins")


def test_a_pipe_makes_nobody_wait(tmp_path):
    folder = signed_folder(tmp_path, PRIVATE).parent
    (folder / "deep" / "text").unlink()
    os.mkfifo(folder / "deep" / "text")
    assert "deep/text is no file" in refusal(tmp_path)


def test_a_compiled_module_is_not_loaded_though_it_is_signed(tmp_path):
    folder = signed_folder(tmp_path, PRIVATE).parent
    (folder / "deep" / "part.py").rename(folder / "deep" / "part.so")
    sign(folder / "__init__.py", PRIVATE)
    found, wrong = find_python(str(tmp_path), [PUBLIC])
    assert not wrong
    with pytest.raises(ModuleNotFoundError, match="compiled modules can't be loaded from a signed plugin"):
        answer_of(found)


def manifest_of(*files: str, first: str = manifest.FIRST_LINE) -> bytes:
    body = f"{first}\nname: one\nversion: 1.0.0\nkey: {PUBLIC}\n" + "".join(f"file: {file}\n" for file in files)
    from base64 import b64encode
    return body.encode() + b"signature: " + b64encode(PRIVATE.sign(body.encode())) + b"\n"


HASH = sha256(b"").hexdigest()


@pytest.mark.parametrize("text, reason", [
    (b"", "is no signature"),
    (b"\xff", "is no signature"),
    (manifest_of(), "is no signature"),
    (manifest_of(f"{HASH} one.py", first="fastgate-plugin 2"), "is no signature"),
    (manifest_of(f"{HASH} one.py") + b"more", "is no signature"),
    (manifest_of(f"{HASH} ../one.py"), "the paths in it are not what fastgate writes"),
    (manifest_of(f"{HASH} /one.py"), "the paths in it"),
    (manifest_of(f"{HASH} deep//one.py"), "the paths in it"),
    (manifest_of(f"{HASH} two.py", f"{HASH} one.py"), "the paths in it"),
    (manifest_of(f"{HASH} one.py", f"{HASH} one.py"), "the paths in it"),
])
def test_signatures_that_are_none(text, reason):
    with pytest.raises(PluginError, match=reason):
        manifest.verify("one.py.sig", text, [PUBLIC])


@given(strategies.data())
def test_no_byte_of_a_signature_can_be_changed(data):
    text = manifest.write("one", "1.0.0", {"one.py": b"x", "two/é.txt": b"y"}, PRIVATE)
    assert manifest.verify("here", text, [PUBLIC]).files.keys() == {"one.py", "two/é.txt"}
    at = data.draw(strategies.integers(0, len(text) - 2))
    other = data.draw(strategies.integers(0, 255).filter(lambda byte: byte != text[at]))
    changed = text[:at] + bytes([other]) + text[at + 1 :]
    with pytest.raises(PluginError):
        manifest.verify("here", changed, [PUBLIC])


def test_what_is_trusted_can_be_a_file(tmp_path):
    private, public, text = manifest.new_key()
    (tmp_path / "key.pem").write_bytes(public)
    assert manifest.read_keys([str(tmp_path / "key.pem"), PUBLIC]) == [text, PUBLIC]
    (tmp_path / "private.pem").write_bytes(private)
    for name, reason in (("private.pem", "holds no Ed25519 public key"), ("none.pem", "can't be read: No such file")):
        with pytest.raises(PluginError, match=reason):
            manifest.read_keys([str(tmp_path / name)])
    signed_file(tmp_path, PRIVATE)
    assert "none.pem can't be read" in refusal(tmp_path, ["none.pem"])


def test_without_cryptography_nothing_is_loaded(tmp_path, monkeypatch):
    signed_file(tmp_path, PRIVATE)
    monkeypatch.setitem(__import__("sys").modules, "cryptography.hazmat.primitives.asymmetric", None)
    assert 'pip install "fastgate[trust]"' in refusal(tmp_path)


# Installed packages.

@pytest.fixture
def site(tmp_path, monkeypatch):
    path = tmp_path / "site"
    path.mkdir()
    monkeypatch.syspath_prepend(str(path))
    return path


def test_an_installed_wheel(tmp_path, site):
    install(signed_wheel(tmp_path, PRIVATE), site)
    found, wrong = find_python(None, [PUBLIC])
    assert not wrong and found["one"].signer == PUBLIC and answer_of(found) == b'"part"'


def refused_package():
    found, wrong = find_python(None, [PUBLIC])
    assert not found and len(wrong) == 1
    return wrong[0]


def test_an_installed_wheel_that_is_not_signed(tmp_path, site):
    install(make_wheel(tmp_path, part__py="raise SystemExit('it was run')"), site)
    assert "the installed package a-gate-package is not signed: sign its wheel" in refused_package()


def test_an_installed_file_that_was_changed(tmp_path, site):
    install(signed_wheel(tmp_path, PRIVATE), site)
    (site / "a_gate_package" / "part.py").write_text("raise SystemExit('it was run')")
    assert "a_gate_package/part.py is not what was signed" in refused_package()


def test_an_installed_file_more(tmp_path, site):
    install(signed_wheel(tmp_path, PRIVATE), site)
    (site / "a_gate_package" / "part").mkdir()
    (site / "a_gate_package" / "part" / "__init__.py").write_text("raise SystemExit('it was run')")
    assert "a_gate_package/part/__init__.py is there, but not signed" in refused_package()


def test_an_installed_package_in_front_of_it_is_not_taken(tmp_path, site, monkeypatch):
    install(signed_wheel(tmp_path, PRIVATE), site)
    front = tmp_path / "front"
    (front / "a_gate_package").mkdir(parents=True)
    (front / "a_gate_package" / "__init__.py").write_text("raise SystemExit('it was run')")
    monkeypatch.syspath_prepend(str(front))
    found, wrong = find_python(None, [PUBLIC])
    assert not wrong and answer_of(found) == b'"part"'


def test_an_entry_point_that_was_changed(tmp_path, site):
    info = install(signed_wheel(tmp_path, PRIVATE), site)
    (info / "entry_points.txt").write_text("[fastgate.plugins]\none = a_gate_package.part:VALUE\n")
    assert "entry_points.txt is not what was signed" in refused_package()


def test_another_distribution_with_the_same_signature(tmp_path, site):
    """It names what the signed one has, and more."""
    info = install(signed_wheel(tmp_path, PRIVATE), site)
    other = site / "other-1.0.dist-info"
    other.mkdir()
    for name in (trust.SIGNATURE, "METADATA"):
        (other / name).write_bytes((info / name).read_bytes())
    (info / "INSTALLER").unlink()
    (other / "entry_points.txt").write_text("[fastgate.plugins]\nmore = os:system\n")
    found, wrong = find_python(None, [PUBLIC])
    assert all("more = os:system" in one for one in wrong) and all(one.NAME == "one" for one in found.values())


def test_an_installed_wheel_with_a_link(tmp_path, site):
    install(signed_wheel(tmp_path, PRIVATE), site)
    os.rename(site / "a_gate_package" / "part.py", tmp_path / "part.py")
    (site / "a_gate_package" / "part.py").symlink_to(tmp_path / "part.py")
    assert "is a link" in refused_package()
