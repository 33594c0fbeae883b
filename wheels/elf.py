"""What the gates ask of a shared object: whom it is for, what it needs, what it was compiled with."""

import io
from dataclasses import dataclass, field

from elftools.elf.constants import P_FLAGS
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection, GNUVerSymSection
from elftools.elf.sections import ARMAttributesSection, SymbolTableSection


@dataclass(frozen=True)
class Undefined:
    """A symbol that somebody else has to bring."""

    name: str
    version: str        # GLIBC_2.17, or nothing
    weak: bool          # may stay without


@dataclass
class Library:
    machine: str                                            # EM_AARCH64
    needed: list[str] = field(default_factory=list)
    run_paths: list[str] = field(default_factory=list)      # RPATH, RUNPATH
    undefined: list[Undefined] = field(default_factory=list)
    exported: set[str] = field(default_factory=set)
    alignment: int = 0                                      # smallest of the loaded segments
    executable_stack: bool = False
    text_relocations: bool = False
    packed_relocations: bool = False
    attributes: dict[str, int] = field(default_factory=dict)   # of .ARM.attributes
    neon_words: int = 0                                     # instructions that only a CPU with NEON has


def read(data: bytes) -> Library:
    elf = ELFFile(io.BytesIO(data))
    library = Library(elf["e_machine"])
    loads = [segment["p_align"] for segment in elf.iter_segments("PT_LOAD")]
    library.alignment = min(loads, default=0)
    library.executable_stack = any(segment["p_flags"] & P_FLAGS.PF_X for segment in elf.iter_segments("PT_GNU_STACK"))
    for section in elf.iter_sections():
        if isinstance(section, DynamicSection):
            _read_dynamic(library, section)
        elif isinstance(section, ARMAttributesSection):
            library.attributes = {
                attribute.tag: attribute.value for part in section.iter_subsections()
                for inner in part.iter_subsubsections() for attribute in inner.iter_attributes()
            }
        elif elf["e_machine"] == "EM_ARM" and section["sh_type"] == "SHT_PROGBITS" and section["sh_flags"] & 4:
            library.neon_words += sum(map(is_neon, memoryview(section.data()[: section["sh_size"] // 4 * 4]).cast("I")))
    _read_symbols(library, elf)
    return library


def is_neon(word: int) -> bool:
    """A32's "Advanced SIMD data-processing" and "element or structure load/store". Linkers keep the
    attributes of the first object only, so the code itself is looked at. Compilers for ARMv7 put no
    constants among it that look alike: they have movw and movt."""
    return word & 0xFE000000 == 0xF2000000 or word & 0xFF100000 == 0xF4000000


def _read_dynamic(library: Library, section: DynamicSection) -> None:
    for tag in section.iter_tags():
        if tag.entry.d_tag == "DT_NEEDED":
            library.needed.append(tag.needed)
        elif tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH"):
            library.run_paths.append(tag.rpath if tag.entry.d_tag == "DT_RPATH" else tag.runpath)
        elif tag.entry.d_tag == "DT_TEXTREL" or tag.entry.d_tag == "DT_FLAGS" and tag.entry.d_val & 4:
            library.text_relocations = True
        elif tag.entry.d_tag == "DT_RELR":
            library.packed_relocations = True


def _read_symbols(library: Library, elf: ELFFile) -> None:
    table = versions = needs = None
    for section in elf.iter_sections():
        if isinstance(section, SymbolTableSection) and section.name == ".dynsym":
            table = section
        elif isinstance(section, GNUVerSymSection):
            versions = section
        elif isinstance(section, GNUVerNeedSection):
            needs = section
    names: dict[int, str] = {}
    for _, auxiliaries in needs.iter_versions() if needs else []:
        names |= {auxiliary["vna_other"]: auxiliary.name for auxiliary in auxiliaries}
    for number, symbol in enumerate(table.iter_symbols() if table else []):
        if not symbol.name:
            continue
        if symbol["st_shndx"] != "SHN_UNDEF":
            library.exported.add(symbol.name)
            continue
        index = versions.get_symbol(number)["ndx"] if versions else 0
        version = names.get(index & 0x7FFF, "") if isinstance(index, int) else ""
        library.undefined.append(Undefined(symbol.name, version, symbol["st_info"]["bind"] == "STB_WEAK"))
