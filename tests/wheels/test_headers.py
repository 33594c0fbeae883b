"""CPython's headers fit the target, and where there are none the message says where they were sought."""


import sysconfig

import headers
import pytest
from targets import Target

# What pyconfig.h claims, held against the target's own compiler.
CLAIMS = """
#include "pyconfig.h"
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#define AGREE(claim, fact) _Static_assert((claim) == (fact), #claim)
AGREE(SIZEOF_LONG, sizeof(long)); AGREE(SIZEOF_SIZE_T, sizeof(size_t)); AGREE(SIZEOF_VOID_P, sizeof(void *));
AGREE(SIZEOF_UINTPTR_T, sizeof(uintptr_t)); AGREE(SIZEOF_TIME_T, sizeof(time_t)); AGREE(SIZEOF_WCHAR_T, sizeof(wchar_t));
AGREE(SIZEOF_LONG_LONG, sizeof(long long)); AGREE(SIZEOF_PTHREAD_T, sizeof(pthread_t)); AGREE(SIZEOF_OFF_T, sizeof(off_t));
AGREE(SIZEOF_LONG_DOUBLE, sizeof(long double)); AGREE(ALIGNOF_LONG, _Alignof(long)); AGREE(ALIGNOF_SIZE_T, _Alignof(size_t));
#ifdef HAVE_GCC_UINT128_T
unsigned __int128 wide;
#endif
#include "Python.h"
int checked;
"""


@pytest.mark.parametrize("target", [Target(arch, "abi3", libc) for arch in ("x86_64", "aarch64", "armv7l") for libc in ("gnu", "musl")], ids=str)
def test_every_claim_of_pyconfig_holds_on_the_target(target, compiled):
    assert compiled(target, CLAIMS, f"-I{headers.include(target)}")


def test_a_macro_is_changed_undefined_or_defined():
    text = "#define SIZEOF_LONG 8\n#define SIZEOF_LONG_LONG 8\n#define HAVE_X 1\n/* #undef HAVE_Y */\n"
    changes = {"SIZEOF_LONG": "4", "HAVE_X": "", "HAVE_Y": "1"}
    assert headers.patch_pyconfig(text, changes) == (
        "#define SIZEOF_LONG 4\n#define SIZEOF_LONG_LONG 8\n/* #undef HAVE_X */\n#define HAVE_Y 1\n")


def test_debians_switch_leads_to_the_architectures_own(tmp_path):
    (tmp_path / "include/python3.13").mkdir(parents=True)
    (tmp_path / "include/x86_64-linux-gnu/python3.13").mkdir(parents=True)
    (tmp_path / "include/python3.13/pyconfig.h").write_text(
        "#if defined(__linux__)\n# if defined(__x86_64__) && defined(__LP64__)\n"
        "# include <x86_64-linux-gnu/python3.13/pyconfig.h>\n# elif defined(__aarch64__)\n# endif\n#endif\n")
    (tmp_path / "include/x86_64-linux-gnu/python3.13/pyconfig.h").write_text("#define SIZEOF_LONG 8\n")
    assert headers.pyconfig(tmp_path / "include/python3.13") == "#define SIZEOF_LONG 8\n"


def test_headers_of_another_version_are_not_taken(tmp_path):
    (tmp_path / "pyconfig.h").write_text("")
    (tmp_path / "patchlevel.h").write_text("#define PY_MAJOR_VERSION 3\n#define PY_MINOR_VERSION 12\n")
    assert headers._complete([tmp_path], "3.12")
    assert not headers._complete([tmp_path], "3.11")
    assert not headers._complete([tmp_path / "none"], "3.12")


def test_where_headers_were_sought_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(SystemExit, match=r"no headers of CPython 3.99: looked at python3.99 in PATH, pyenv's versions/3.99.\*. Install"):
        headers.sources("3.99")


def test_an_interpreter_without_headers_is_passed_over_and_named(monkeypatch, tmp_path):
    bare = tmp_path / "versions/3.98.1/bin/python"
    bare.parent.mkdir(parents=True)
    bare.write_text(f"#!/bin/sh\necho '[\"{tmp_path}\", \"{tmp_path}\"]'\n")
    bare.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(SystemExit, match=f"looked at {bare}"):
        headers.sources("3.98")


def test_the_limited_api_is_in_this_interpreters_headers():
    assert headers.version_of("abi3") == sysconfig.get_python_version()
    assert headers.version_of("cp310") == "3.10"
