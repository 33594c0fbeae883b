"""Every file in examples/ is one that `fastgate check` takes, without a word of warning."""

from pathlib import Path

import pytest
from fastgate.cli.main import main

ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in (ROOT / "examples").rglob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(ROOT / "examples")))
def test_check_takes_it(file, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)         # paths in the files are the tree's root's
    code = main(["check", "-c", str(file)])
    told = capsys.readouterr()
    assert (code, told.err, "warning" in told.out) == (0, "", False)
    assert " 0 routes" not in told.out


def test_the_page_names_each():
    page = (ROOT / "docs/configuration.md").read_text()
    missing = [name for name in (str(file.relative_to(ROOT)) for file in FILES) if f"../{name}" not in page]
    assert not missing, "not in docs/configuration.md"
