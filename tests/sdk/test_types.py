"""What a plugin's author sees in an editor: the sdk and the example are complete under a strict type checker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
WRONG = """
from fastgate import Context, Plugin

class Wrong(Plugin):
    name = "wrong"
    version = "1.0.0"
    priority = 1

    async def access(self, context: Context, config: object) -> None:
        context.request.set_headr("X-A", "1")
        print(context.consumer.username)
        context.request.path.append("")
"""


def check(*what: str) -> subprocess.CompletedProcess[str]:
    """Of what is named alone: the rest of fastgate is nobody's interface."""
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir", os.devnull, *what],
        env={**os.environ, "MYPYPATH": str(ROOT / "src")}, capture_output=True, text=True, timeout=300, check=False)


def test_the_sdk_and_the_examples():
    done = check(*map(str, [*(ROOT / "src/fastgate/sdk").rglob("*.py"), *(ROOT / "examples/plugins").glob("*.py")]))
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_author_is_told_of_mistakes(tmp_path):
    (tmp_path / "wrong.py").write_text(WRONG)
    said = check(str(tmp_path / "wrong.py")).stdout
    for part in ('"set_headr"; maybe "set_header"', 'Item "None" of "Consumer | None"', '"str" has no attribute "append"'):
        assert part in said, said
    assert said.count("error:") == 3, said
