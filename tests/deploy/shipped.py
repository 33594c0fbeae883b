"""What ships fastgate, as these tests read it: pages, manifests, units, chart values."""

import re
import shlex
from pathlib import Path

import yaml

from fastgate.config import load_text
from fastgate.config.gateway import GATEWAY
from fastgate.config.memory_budget import MIB, Machine

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/helm/fastgate"
ROLE = ROOT / "deploy/ansible/roles/fastgate"
PAGES = [ROOT / "docs" / f"{name}.md" for name in ("install", "bundle", "image", "systemd", "ansible", "helm", "k3s")]


def read_yaml(path: Path):
    return yaml.safe_load(path.read_text())


def gateway_defaults() -> dict:
    return GATEWAY.defaults()


def default_port(key: str) -> int:
    """Of `proxy_listen` or `status_listen`, if the file says nothing."""
    value = gateway_defaults()[key]
    return int((value[0] if isinstance(value, list) else value).rpartition(":")[2])


def planned(config: str, **flags: object) -> float:
    """The budget of a configuration, in MiB; it is one that fits, with as many reactors as the flags or the file say."""
    model = load_text(config, "fastgate.yaml", flags=flags, allow_unknown_plugins=True,
                      machine=Machine(workers=64, descriptors=20_000))
    return model.gateway["memory_budget"] / MIB


def mebibytes(quantity: str) -> int:
    """Kubernetes' `64Mi`."""
    return int(quantity.removesuffix("Mi"))


def accepts(words: list[str]) -> bool:
    """Whether `fastgate WORDS` is a command with arguments that it takes."""
    from fastgate.cli.main import build_parser

    try:
        build_parser().parse_args(words)
    except SystemExit as end:
        return end.code == 0
    return True


def shell_lines(page: Path) -> list[str]:
    """The commands of a page's shell blocks, one each."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", page.read_text(), re.S | re.M)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [part.strip() for line in lines for part in re.split(r"&&|\|", line) if part.strip()]


def gateway_words(line: str) -> list[str] | None:
    """What follows `fastgate` in a line that calls it, wherever it lies."""
    words = shlex.split(line, comments=True)
    if words[:1] == ["sudo"]:
        del words[0]
    return words[1:] if words and Path(words[0]).name == "fastgate" else None


def unit(name: str) -> dict[str, list[str]]:
    """The settings of one in examples/, each with all its values."""
    return settings_of((ROOT / "examples" / name).read_text())


def settings_of(text: str) -> dict[str, list[str]]:
    settings: dict[str, list[str]] = {}
    for line in text.splitlines():
        if re.match(r"[A-Z]\w*=", line):
            key, _, value = line.partition("=")
            settings.setdefault(key, []).append(value)
    return settings
