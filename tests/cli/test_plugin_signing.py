"""`fastgate plugins`: keygen, sign, verify; and list with plugin_trust."""

from __future__ import annotations

import json
import stat

import pytest

from fastgate.cli.main import main
from plugins.signing import make_wheel, source


@pytest.fixture
def key(tmp_path, capsys):
    """The private key's file, and the public one in base64."""
    file = tmp_path / "signing.pem"
    assert main(["plugins", "keygen", str(file)]) == 0
    text = capsys.readouterr().out.splitlines()[-1]
    return file, text


def test_keygen(key, tmp_path, capsys):
    file, text = key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and len(text) == 44
    before = file.read_bytes()
    assert main(["plugins", "keygen", str(file)]) == 1
    assert f"{file}: File exists" in capsys.readouterr().err and file.read_bytes() == before
    assert b"PRIVATE" not in (tmp_path / "signing.pem.pub").read_bytes()


def test_sign_then_verify(key, tmp_path, capsys):
    file, text = key
    folder = tmp_path / "plugins"
    (folder / "two").mkdir(parents=True)
    (folder / "one.py").write_text(source("one"))
    (folder / "two" / "__init__.py").write_text(source("two"))
    wheel = make_wheel(tmp_path)
    paths = [str(folder / "one.py"), str(folder / "two"), str(wheel)]
    for trust in (text, f"{file}.pub"):
        assert main(["plugins", "verify", "--trust", trust, *paths]) == 1
    assert capsys.readouterr().err.count("is not signed") == 6
    assert main(["plugins", "sign", "--key", str(file), *paths]) == 0
    assert "one.py: signed one 1.0.0, 1 files" in capsys.readouterr().out
    for trust in (text, f"{file}.pub"):
        assert main(["plugins", "verify", "--trust", trust, *paths]) == 0
        assert capsys.readouterr().out.count(f"signed with {text}") == 3
    assert main(["plugins", "verify", "--trust", "A" * 43 + "=", *paths]) == 1
    assert capsys.readouterr().err.count("gateway.plugin_trust does not name") == 3
    config = tmp_path / "a.json"
    config.write_text(json.dumps({"_format_version": "3.0", "plugins": [{"name": "one"}], "gateway": {
        "plugin_path": str(folder), "plugin_trust": [text]}}))
    assert main(["check", "-c", str(config)]) == 0
    assert main(["plugins", "list", "-c", str(config)]) == 0
    assert capsys.readouterr().out.count(f"signed by {text}") == 2
    (folder / "one.py").write_text(source("one") + "\n")
    assert main(["check", "-c", str(config)]) == 1
    assert "one.py is not what was signed" in capsys.readouterr().err


def test_sign_again_after_a_change(key, tmp_path, capsys):
    file, text = key
    plugin = tmp_path / "one.py"
    for version in ("1.0.0", "1.0.1"):
        plugin.write_text(source(version=version))
        assert main(["plugins", "sign", "--key", str(file), str(plugin)]) == 0
        assert main(["plugins", "verify", "--trust", text, str(plugin)]) == 0
        assert f"one {version}, signed with" in capsys.readouterr().out


@pytest.mark.parametrize("text, expected", [
    ("import nowhere_at_all", "importing it raised ModuleNotFoundError"),
    ("x = 1", "must define one subclass of fastgate.Plugin"),
])
def test_what_is_no_plugin_is_not_signed(key, tmp_path, capsys, text, expected):
    (tmp_path / "bad.py").write_text(text)
    assert main(["plugins", "sign", "--key", str(key[0]), str(tmp_path / "bad.py")]) == 1
    assert expected in capsys.readouterr().err and not (tmp_path / "bad.py.sig").exists()


def test_what_is_wrong_is_said(key, tmp_path, capsys):
    file, text = key
    (tmp_path / "one.py").write_text(source())
    for arguments, expected in (
        (["sign", "--key", f"{file}.pub", str(tmp_path / "one.py")], "holds no Ed25519 private key"),
        (["sign", "--key", str(tmp_path / "none"), str(tmp_path / "one.py")], "can't be read: No such file"),
        (["sign", "--key", str(file), str(tmp_path / "notes.txt")], "is neither a plugin's file"),
        (["verify", "--trust", str(file), str(tmp_path / "one.py")], "holds no Ed25519 public key"),
        (["verify", "--trust", text, str(tmp_path)], "is neither a plugin's file"),
    ):
        assert main(["plugins", *arguments]) == 1
        said = capsys.readouterr().err
        assert expected in said and "PRIVATE" not in said
