"""What a configuration is refused with: every finding of a file, each with its place."""

from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Collection

# One finding before its line is known: (path in the parsed tree, message).
# A path is a tuple of mapping keys and list indexes from the top of the file.

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_NAME_AND_SECRET = re.compile(r"""[^\s"'/:@]+:[^\s"']*@""")


class ConfigError(namedtuple("ConfigError", ("file", "line", "path", "message"))):
    """One finding. `line` counts from 1, 0 when there is none (a missing file,
    an environment variable); `path` is `services[2].routes[0].paths[1]`, empty
    for the file as a whole."""

    __slots__ = ()

    def __new__(cls, file: str, line: int, path: str, message: str) -> ConfigError:
        return super().__new__(cls, file, line, path, without_userinfo(message))

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"


class ConfigErrors(Exception):
    """All findings of one configuration, in the order of the file; `str()` is
    one `file:line: path: message` a line."""

    def __init__(self, errors: list[ConfigError]) -> None:
        super().__init__(errors)
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join(map(str, self.errors))


def path_text(path: tuple[str | int, ...]) -> str:
    """`("services", 2, "headers", "x.y")` as `services[2].headers["x.y"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif not _PLAIN_KEY.match(step):
            text += f"[{shown(step)}]"
        else:
            text += f".{step}" if text else step
    return text


def shown(value: object) -> str:
    """A value from the file as a message may print it: one line, bounded, and
    nothing a terminal or an encoder could choke on."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        value = without_userinfo(value)
        cut = value if len(value) <= 80 else value[:77] + "..."
        inner = cut.encode("utf-8", "backslashreplace").decode()
        inner = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in inner)
        return f'"{inner}"'
    if isinstance(value, int) and value.bit_length() > 256:
        return "a very long number"
    return str(value)


def without_userinfo(text: str) -> str:
    """For messages: what stands before an "@" in an address may hold a password, however the address is misspelt."""
    end = text.rfind("@")
    if end < 0:
        return text
    start = text.find("//", 0, end)
    if start >= 0:
        return f"{text[:start]}//***{text[end:]}"
    return _NAME_AND_SECRET.sub("***@", text)


def did_you_mean(word: str, known: Collection[object], before: int = 0) -> str:
    """`; did you mean "paths"?`, or nothing when no known word is near. `before`:
    how many problems there are already; a file with very many gets no more
    suggestions, each of which costs a comparison with every known word."""
    if before > 100 or len(known) > 2000:
        return ""
    import difflib

    near = difflib.get_close_matches(word[:64], [str(one) for one in known], 1, 0.7)
    return f"; did you mean {shown(near[0])}?" if near else ""
