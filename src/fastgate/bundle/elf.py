"""What a program or library asks the loader for: the names under NEEDED in its dynamic section."""

import struct
from pathlib import Path

LOAD, DYNAMIC = 1, 2            # kinds of segments
END, NEEDED, STRINGS = 0, 1, 5  # tags of the dynamic section


def is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def needed(path: Path) -> list[str]:
    """Names of libraries, such as libc.so.6. Little-endian files of either word size."""
    content = path.read_bytes()
    wide = content[4] == 2
    start, = struct.unpack_from("<Q" if wide else "<I", content, 32 if wide else 28)
    size, count = struct.unpack_from("<HH", content, 54 if wide else 42)
    loads, dynamic = [], None
    for at in range(start, start + size * count, size):
        if wide:
            kind, _, offset, address, _, length = struct.unpack_from("<IIQQQQ", content, at)
        else:
            kind, offset, address, _, length = struct.unpack_from("<IIIII", content, at)
        if kind == LOAD:
            loads.append((offset, address, length))
        elif kind == DYNAMIC:
            dynamic = offset, length
    if dynamic is None:
        return []
    entries = list(struct.iter_unpack("<qQ" if wide else "<iI", content[dynamic[0]:sum(dynamic)]))
    entries = entries[:next((at for at, (tag, _) in enumerate(entries) if tag == END), len(entries))]
    address = next(value for tag, value in entries if tag == STRINGS)
    strings = next(offset + address - first for offset, first, length in loads if first <= address < first + length)
    return [_text(content, strings + value) for tag, value in entries if tag == NEEDED]


def _text(content: bytes, at: int) -> str:
    return content[at:content.index(b"\0", at)].decode()
