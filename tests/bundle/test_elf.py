"""What files need is read off themselves, on either word size."""

import struct
import sys
from pathlib import Path

import pytest
from fastgate.bundle.elf import is_elf, needed


def program(wide, names):
    """A file that holds no more than the loader would read: headers, a dynamic section, its strings."""
    strings = b"\0" + b"".join(name.encode() + b"\0" for name in names)
    at, offsets = 1, []
    for name in names:
        offsets.append(at)
        at += len(name) + 1
    header, entry = (64, 56) if wide else (52, 32)
    start = header + 2 * entry
    base = 0x10000          # where the file is in memory
    pair = "<qQ" if wide else "<iI"
    dynamic = [(1, offset) for offset in offsets]
    table = start + (len(dynamic) + 2) * struct.calcsize(pair)
    dynamic += [(5, base + table), (0, 0)]
    packed = b"".join(struct.pack(pair, *row) for row in dynamic)
    size = table + len(strings)

    def segment(kind, offset, address, length):
        if wide:
            return struct.pack("<IIQQQQQQ", kind, 0, offset, address, 0, length, length, 0)
        return struct.pack("<IIIIIIII", kind, offset, address, 0, length, length, 0, 0)

    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    head = ident + struct.pack("<HHI" + ("QQQ" if wide else "III") + "IHHHHHH",
                               3, 0, 1, 0, header, 0, 0, header, entry, 2, 0, 0, 0)
    return head + segment(1, 0, base, size) + segment(2, start, base + start, len(packed)) + packed + strings


@pytest.mark.parametrize("wide", [True, False])
def test_the_names_in_their_order(tmp_path, wide):
    file = tmp_path / "lib.so"
    file.write_bytes(program(wide, ["libone.so.1", "libc.so.6"]))
    assert is_elf(file) and needed(file) == ["libone.so.1", "libc.so.6"]


def test_the_running_python_needs_the_c_library():
    assert "libc.so.6" in needed(Path(sys.executable).resolve())


def test_text_is_no_program(tmp_path):
    (tmp_path / "script").write_text("#!/bin/sh\n")
    assert not is_elf(tmp_path / "script")
