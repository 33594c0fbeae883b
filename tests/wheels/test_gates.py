"""Each gate catches the fault it is there for, planted with the compiler that builds the wheels."""

import io
import struct
import tempfile
import zipfile
from pathlib import Path

import elf
import gates
import pytest
from elftools.elf.constants import P_FLAGS
from elftools.elf.elffile import ELFFile
from targets import TABLE, Target

AARCH64, ARMV7 = Target("aarch64", "abi3"), Target("armv7l", "abi3")
MUSL = Target("aarch64", "abi3", "musl")
# What zig takes for an ARMv7 with hard floats when nothing else is said: with NEON.
ZIGS_OWN = ["-target", "arm-linux-gnueabihf.2.17", "-mcpu=generic+v7a"]
CLEAN = "int answer(int x) { return x * 42; }"
# What clang makes four lanes of where it may.
LANES = "void add(float *restrict a, const float *b) { for (int i = 0; i < 4096; i++) a[i] += b[i]; }"


def problems(name: str, wheel) -> str:
    return "\n".join(gates.GATES[name](wheel))


def packed_again(wheel, change) -> gates.Wheel:
    """The wheel with members changed, and RECORD as it was."""
    change(wheel.members)
    with zipfile.ZipFile(wheel.path, "w") as archive:
        for member, data in wheel.members.items():
            archive.writestr(member, data)
    return gates.opened(wheel.path, wheel.target)


@pytest.mark.parametrize("target", [AARCH64, ARMV7], ids=str)
def test_a_clean_library_passes_them_all(target, compiled, wheel_of):
    wheel = wheel_of(target, compiled(target, CLEAN))
    assert [problem for gate in gates.GATES.values() for problem in gate(wheel)] == []


def test_a_library_for_another_cpu(compiled, wheel_of):
    wheel = wheel_of(AARCH64, compiled(ARMV7, CLEAN))
    assert "for EM_ARM, not EM_AARCH64" in problems("machine", wheel)


def test_segments_for_small_pages_only(compiled, wheel_of):
    wheel = wheel_of(AARCH64, compiled(AARCH64, CLEAN, "-Wl,-z,max-page-size=4096"))
    assert "aligned to 4096 bytes" in problems("machine", wheel)


def test_an_executable_stack(compiled, wheel_of):
    library = bytearray(compiled(AARCH64, CLEAN))         # zig's linker makes none
    file = ELFFile(io.BytesIO(library))
    (number,) = [n for n, segment in enumerate(file.iter_segments()) if segment["p_type"] == "PT_GNU_STACK"]
    library[file["e_phoff"] + number * file["e_phentsize"] + 4] |= P_FLAGS.PF_X
    wheel = wheel_of(AARCH64, bytes(library))
    assert "wants an executable stack" in problems("machine", wheel)


def test_packed_relocations(compiled, wheel_of):
    syment, relr = struct.pack("<qQ", 11, 24), struct.pack("<qQ", 36, 24)
    library = compiled(AARCH64, CLEAN)                   # zig's linker makes none
    assert library.count(syment) == 1
    wheel = wheel_of(AARCH64, library.replace(syment, relr))
    assert "packed relocations" in problems("machine", wheel)


def test_neon_where_the_baseline_has_none(compiled, wheel_of):
    said = problems("cpu", wheel_of(ARMV7, compiled(ARMV7, LANES, "-O3", "-ffast-math", compiler=ZIGS_OWN)))
    assert "Tag_Advanced_SIMD_arch" in said and "instructions that only a CPU with NEON has" in said


def test_neon_in_one_function_of_a_library_without(compiled, wheel_of):
    """The attributes are those of the whole file, and say nothing of it."""
    source = 'typedef int lanes __attribute__((vector_size(16)));\n__attribute__((target("neon,vfp3,d32"))) void add(lanes *a) { *a += *a; }'
    library = compiled(ARMV7, CLEAN + source)
    assert not elf.read(library).attributes.get("TAG_ADVANCED_SIMD_ARCH")
    assert "instructions that only a CPU with NEON has" in problems("cpu", wheel_of(ARMV7, library))


def test_more_registers_than_the_baseline(compiled, wheel_of):
    """Without NEON, and with its 32 registers: what taking NEON alone away leaves."""
    wide = [*ZIGS_OWN[:-1], "-mcpu=generic+v7a+vfp3d16-vfp3-neon"]
    said = problems("cpu", wheel_of(ARMV7, compiled(ARMV7, CLEAN, compiler=wide)))
    assert "more than VFPv3-D16" in said and "Advanced_SIMD" not in said


def test_soft_floats(compiled, wheel_of):
    soft = ["-target", "arm-linux-gnueabi.2.17", "-mcpu=generic+v7a"]
    assert "not for the hard-float ABI" in problems("cpu", wheel_of(ARMV7, compiled(ARMV7, CLEAN, compiler=soft)))


def test_the_words_that_count_as_neon():
    # vadd.f32 q0, q0, q1; vld1.32 {d0-d1}, [r0]; vmul.f32 q8, q8, q9; and what comes near: pld, bl, movw.
    assert all(map(elf.is_neon, (0xF2000D42, 0xF4200A8F, 0xF3400DF2)))
    assert not any(map(elf.is_neon, (0xF5D0F000, 0xF4D0F000, 0xEB000000, 0xE3001234, 0xEE300A01)))


def test_a_library_from_elsewhere(compiled, wheel_of, tmp_path):
    (tmp_path / "libcrypto.so.3").write_bytes(compiled(AARCH64, "int EVP_x(void) { return 1; }", "-Wl,-soname,libcrypto.so.3"))
    library = compiled(AARCH64, "int EVP_x(void); int y(void) { return EVP_x(); }", str(tmp_path / "libcrypto.so.3"))
    assert "needs libcrypto.so.3" in problems("needed", wheel_of(AARCH64, library))


@pytest.mark.parametrize("flags", [["-Wl,-rpath,/opt/lib"], ["-Wl,-rpath,/opt/lib", "-Wl,--disable-new-dtags"]], ids=["RUNPATH", "RPATH"])
def test_a_run_path(flags, compiled, wheel_of):
    assert "looks for libraries in /opt/lib" in problems("run path", wheel_of(AARCH64, compiled(AARCH64, CLEAN, *flags)))


def test_a_symbol_newer_than_the_tag(compiled, wheel_of):
    late = ["-target", "aarch64-linux-gnu.2.34"]
    source = "#include <pthread.h>\nint x(pthread_t t) { return pthread_join(t, 0); }"
    said = problems("symbols", wheel_of(AARCH64, compiled(AARCH64, source, compiler=late)))
    assert "pthread_join@GLIBC_2.34 is newer than manylinux_2_17_aarch64" in said
    assert not problems("symbols", wheel_of(AARCH64, compiled(AARCH64, source)))


@pytest.mark.parametrize("name", ["__clock_gettime64", "__ubsan_handle_add_overflow"])
def test_a_symbol_without_a_version(name, compiled, wheel_of):
    """The first is what -D_TIME_BITS=64 asks of an old glibc, the second what zig's compiler asks without an
    -O flag. Both link, auditwheel says nothing, and no import works."""
    source = f"long {name}(int, void *); long PyLong_x(void); long x(void) {{ return {name}(1, 0) + PyLong_x(); }}"
    said = problems("symbols", wheel_of(ARMV7, compiled(ARMV7, source)))
    assert f"{name} has no version" in said and "PyLong_x" not in said


def test_a_symbol_that_the_older_musl_has_not(compiled, wheel_of, monkeypatch):
    monkeypatch.setattr(gates, "musl_exports", lambda target: {"read"})
    source = "#include <sys/uio.h>\n#include <unistd.h>\nlong x(int f, struct iovec *v) { return preadv2(f, v, 1, 0, 0) + read(f, v, 1); }"
    library = compiled(MUSL, "#define _GNU_SOURCE\n" + source)
    assert problems("symbols", wheel_of(MUSL, library)) == "fastgate/_core/core.abi3.so: musl 1.2.3 has no preadv2"


@pytest.mark.parametrize("version, is_newer", [
    ("GLIBC_2.17", False), ("GLIBC_2.4", False), ("GLIBC_2.18", True), ("GLIBC_2.34", True), ("GLIBC_PRIVATE", True),
])
def test_versions_are_compared_as_numbers(version, is_newer):
    assert gates.newer(version, "manylinux_2_17_aarch64") == is_newer


def test_time_of_day_in_32_bits(compiled, wheel_of):
    source = "#include <sys/time.h>\n#include <time.h>\nlong x(struct timeval *t) { gettimeofday(t, 0); return clock_gettime(CLOCK_MONOTONIC, (void *)t); }"
    said = problems("clocks", wheel_of(ARMV7, compiled(ARMV7, source)))
    assert "gettimeofday has a time_t of 32 bits" in said and "clock_gettime" not in said
    assert not problems("clocks", wheel_of(AARCH64, compiled(AARCH64, source)))


def test_too_large(compiled, wheel_of, monkeypatch):
    wheel = wheel_of(AARCH64, compiled(AARCH64, CLEAN))
    assert not problems("size", wheel)
    monkeypatch.setitem(TABLE["limits"], "wheel_bytes", wheel.path.stat().st_size - 1)
    assert "more than" in problems("size", wheel)


@pytest.mark.parametrize("place", [str(gates.ROOT), f"{Path.home()}/", f"{tempfile.gettempdir()}/tmpx1y2"])
def test_a_path_of_the_builder(place, compiled, wheel_of):
    said = problems("content", wheel_of(AARCH64, compiled(AARCH64, f'const char *where(void) {{ return "{place}/src/x.c"; }}')))
    assert "a path of the machine that built it" in said


def test_what_is_not_to_be_shipped(compiled, wheel_of):
    wheel = wheel_of(AARCH64, compiled(AARCH64, CLEAN), **{"fastgate_doors/x.py": b"", "fastgate/a.pyx": b""})
    assert problems("content", wheel).count("not to be shipped") == 2


def test_a_name_that_no_import_finds(compiled, wheel_of):
    wheel = wheel_of(AARCH64, compiled(AARCH64, CLEAN), **{"fastgate/x.cpython-311-x86_64-linux-gnu.so": compiled(AARCH64, CLEAN)})
    assert "does not end with .abi3.so" in problems("tags", wheel)


def test_tags_that_disagree(compiled, wheel_of):
    wheel = wheel_of(AARCH64, compiled(AARCH64, CLEAN))
    about = "fastgate-9.9.9.dist-info/WHEEL"
    changed = packed_again(wheel, lambda members: members.update({about: members[about].replace(b"abi3", b"none")}))
    assert "the metadata cp311-none" in problems("tags", changed)


def test_a_wheel_with_nothing_compiled(wheel_of):
    assert "nothing compiled" in problems("tags", wheel_of(AARCH64, b"no ELF"))


def test_a_file_changed_after_packing(compiled, wheel_of):
    wheel = packed_again(wheel_of(AARCH64, compiled(AARCH64, CLEAN), **{"fastgate/a.py": b"a"}),
                         lambda members: members.update({"fastgate/a.py": b"b", "fastgate/late.py": b""}))
    said = problems("record", wheel)
    assert "fastgate/a.py: its hash is not" in said and "fastgate/late.py: in RECORD or in the wheel" in said


@pytest.mark.parametrize("name, target", [
    ("fastgate-1-cp311-abi3-manylinux2014_armv7l.manylinux_2_17_armv7l.whl", ARMV7),
    ("x-1-cp39-abi3-manylinux2014_aarch64.manylinux_2_17_aarch64.whl", AARCH64),
    ("fastgate-1-cp312-cp312-musllinux_1_2_aarch64.whl", Target("aarch64", "cp312", "musl")),
    ("x-1-py3-none-any.whl", None),
])
def test_a_name_tells_the_target(name, target, tmp_path):
    assert gates.target_of(tmp_path / name) == target
