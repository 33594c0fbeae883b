"""Plugins, wheels and installed packages, signed as `fastgate plugins sign` does it."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from zipfile import ZipFile

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fastgate.plugins import manifest, trust, wheel

SOURCE = """
from fastgate import Plugin, Response

class One(Plugin):
    name = {name!r}
    version = {version!r}

    async def access(self, context, config):
        return Response(200, json={answer})
"""


def new_key() -> tuple[Ed25519PrivateKey, str]:
    private = Ed25519PrivateKey.generate()
    return private, b64encode(private.public_key().public_bytes_raw()).decode()


def source(name: str = "one", version: str = "1.0.0", answer: str = "'one'") -> str:
    return SOURCE.format(name=name, version=version, answer=answer)


def sign(file: Path, private: Ed25519PrivateKey, name: str = "one", version: str = "1.0.0") -> None:
    trust.signature_of(file).write_bytes(manifest.write(name, version, trust.files_of(file), private))


def signed_file(folder: Path, private: Ed25519PrivateKey) -> Path:
    file = folder / "one.py"
    file.write_text(source())
    sign(file, private)
    return file


def signed_folder(folder: Path, private: Ed25519PrivateKey) -> Path:
    """A package with a module, one below it, and a text."""
    (folder / "one" / "deep").mkdir(parents=True)
    file = folder / "one" / "__init__.py"
    file.write_text(source(answer="late()") + "\ndef late():\n    from .deep.part import VALUE\n    return VALUE\n")
    (folder / "one" / "deep" / "part.py").write_text("import pkgutil\nVALUE = pkgutil.get_data(__name__, 'text').decode()\n")
    (folder / "one" / "deep" / "text").write_text("signed text")
    sign(file, private)
    return file


def make_wheel(folder: Path, version: str = "1.0", **more: str) -> Path:
    """Of the distribution a-gate-package with the plugin `one`; more: files of its package, `.` written `__`."""
    info = f"a_gate_package-{version}.dist-info"
    files = {"a_gate_package/__init__.py": "", "a_gate_package/part.py": "VALUE = 'part'\n",
             "a_gate_package/plugin.py": "from a_gate_package.part import VALUE\n" + source(answer="VALUE"),
             f"{info}/METADATA": f"Metadata-Version: 2.1\nName: a-gate-package\nVersion: {version}\n",
             f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
             f"{info}/entry_points.txt": "[fastgate.plugins]\none = a_gate_package.plugin:One\n"}
    files |= {f"a_gate_package/{name.replace('__', '.')}": text for name, text in more.items()}
    file = folder / f"a_gate_package-{version}-py3-none-any.whl"
    with ZipFile(file, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"]))
    return file


def install(file: Path, site: Path) -> Path:
    """As pip does it; the .dist-info."""
    with ZipFile(file) as archive:
        archive.extractall(site)
    (info,) = site.glob("*.dist-info")
    (info / "INSTALLER").write_text("pip\n")
    return info


def signed_wheel(folder: Path, private: Ed25519PrivateKey, **more: str) -> Path:
    file = make_wheel(folder, **more)
    wheel.sign(file, private)
    return file
