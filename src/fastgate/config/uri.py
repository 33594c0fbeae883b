"""Paths of URIs: what a route's prefix must look like, and Kong's older path forms."""

from __future__ import annotations

import re

from .errors import shown

_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
# What the core takes unencoded in a request's path: all that is visible, but "?" and "#".
_PATH_BYTES = frozenset(range(0x21, 0x7F)) - frozenset(b"?#")
_PLAIN = re.compile(r"/(?:[A-Za-z0-9_~-]+/)*[A-Za-z0-9_~-]*\Z")
_HEX = frozenset(b"0123456789ABCDEFabcdef")
_STRAY_PERCENT = re.compile(rb"%[0-9A-Fa-f]?\Z")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SERVICE_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/%-]*\Z")
# Before 3.0 a path with any other character was taken as a regular expression.
_PLAIN_BEFORE_3 = re.compile(r"[A-Za-z0-9.\-_~/%]*\Z")
_KEPT_ENCODED = frozenset(b"!#$%&'()*+,/:;=?@[]")
_REGEX_META = frozenset(b".^-{}\\|")


def normalized(path: str) -> str:
    """The form the router compares (RFC 3986, 6.2.2; `_core/http/uri`): unreserved characters
    decoded, other escapes in upper case, bytes no request can have escaped, dot
    segments and repeated slashes removed."""
    if _PLAIN.match(path):
        return path
    raw = path.encode("utf-8", "surrogatepass")
    out = bytearray()
    at = 0
    while at < len(raw):
        byte = raw[at]
        escape = _ESCAPE.match(raw, at) if byte == 0x25 else None
        if escape:
            decoded = int(escape[1], 16)
            # A digit behind a stray "%" would make an escape of it: it stays escaped, as in the core.
            is_plain = decoded in _UNRESERVED and not (decoded in _HEX and _STRAY_PERCENT.search(out))
            out += bytes((decoded,)) if is_plain else escape[0].upper()
            at += 3
            continue
        out += bytes((byte,)) if byte in _PATH_BYTES else b"%%%02X" % byte
        at += 1
    kept: list[str] = []
    segments = out.decode("ascii").split("/")
    for segment in segments:
        if segment == "..":
            kept[-1:] = []
        elif segment and segment != ".":
            kept.append(segment)
    result = "/" + "/".join(kept)
    return result + "/" if kept and segments[-1] in ("", ".", "..") else result


def route_path_problem(path: str) -> str | None:
    """What is wrong with one of a route's `paths`: `/prefix` or `~/regex`."""
    if _PLAIN.match(path):
        return None
    if path[0] == "~":
        if path[1:2] != "/":
            return f'a regular expression must begin with "~/", not {shown(path[:2])}'
        if "//" in path:
            return 'has an empty segment ("//"): no request has one after normalisation'
        return regex_problem(path[1:])
    if path[0] != "/":
        return f'must begin with "/" (a prefix) or "~/" (a regular expression); write "/{path}"' \
            if path.isprintable() and len(path) < 80 else 'must begin with "/" or "~/"'
    if "//" in path:
        return 'has an empty segment ("//"): no request has one after normalisation'
    if _BAD_ESCAPE.search(path):
        return "has a % without two hexadecimal digits after it"
    wanted = normalized(path)
    if wanted != path:
        hint = ', or begin it with "~" if it is a regular expression' if looks_like_regex(path) else ""
        return f"is not in the normalised form requests are compared in; write {shown(wanted)}{hint}"
    return None


def service_path_problem(path: str) -> str | None:
    """What is wrong with a service's `path`."""
    if path[0] != "/":
        return f"must begin with \"/\", not {shown(path[0])}"
    if "//" in path:
        return 'has an empty segment ("//"); use a single slash'
    if "?" in path or "#" in path:
        return "must be a path only, without query or fragment"
    if not _SERVICE_PATH.match(path):
        return f"has characters a path may not hold; write {shown(_escaped(path))}"
    if _BAD_ESCAPE.search(path):
        return "has a % without two hexadecimal digits after it"
    return None


def _escaped(path: str) -> str:
    return "".join(char if _SERVICE_PATH.match("/" + char) else "".join(f"%{byte:02X}" for byte in char.encode())
                   for char in path)


def looks_like_regex(path: str) -> bool:
    return re.search(r"[\\^$|\[\]{}]|\(.*\)|[.)*+?][*+?]", path) is not None


def regex_problem(pattern: str) -> str | None:
    """What is surely wrong with a PCRE2 pattern. The core's compiler has the
    last word; here nothing that it would take may be refused."""
    if not pattern:
        return "the regular expression is empty"
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2 and "\\Q" not in pattern:
        return "the regular expression ends in a single backslash"
    if "\\Q" in pattern or "(?" in pattern or "(*" in pattern:
        return None  # quoting, comments and modes change what a parenthesis is
    depth = at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            at += 1
        elif char == "[":
            return None  # classes have their own rules for what closes them
        elif char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth < 0:
                return 'the regular expression has a ")" without its "("'
        at += 1
    return 'the regular expression has a "(" without its ")"' if depth else None


def migrated(path: str) -> str:
    """A 1.1 or 2.1 file's path as 3.0 writes it: what was taken for a regular
    expression gets its "~", the rest is normalised."""
    if path[:2] == "~/" or path[:1] != "/":
        return path
    if _PLAIN_BEFORE_3.match(path):
        return path if _BAD_ESCAPE.search(path) or "//" in path else normalized(path)
    decoded = _ESCAPE.sub(_decode_for_regex, path.encode("utf-8", "surrogatepass"))
    return "~" + decoded.decode("utf-8", "surrogatepass")


def _decode_for_regex(escape: re.Match[bytes]) -> bytes:
    # Patterns used to be matched after one decoding; what a regular expression
    # would read differently stays encoded or is quoted.
    byte = int(escape[1], 16)
    if byte in _KEPT_ENCODED or byte >= 0x80 or byte < 0x20:
        return escape[0].upper()
    return (b"\\" if byte in _REGEX_META else b"") + bytes((byte,))
