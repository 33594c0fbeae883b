"""The signature is the contract: what a C function of the core may promise."""

import re

import pytest
from tree import CORE, code, core_files, functions, name, room

# Builders may raise, with the GIL; everything else is the data plane.
BUILDERS = ("bridge", "plugin", "snapshot")
# Their builders run once, at import, before any reactor does.
AT_IMPORT = ("http/llhttp.pyx", "http/fields.pyx")
PYTHON_TYPES = re.compile(r"object|bytes|bytearray|str|list|dict|tuple|set|memoryview|[A-Z]\w*")


def is_allowed(function) -> bool:
    if function.clause == "noexcept nogil":
        return True
    if str(function.path.relative_to(CORE)) in AT_IMPORT:
        return re.fullmatch(r"except (\*|-1|NULL)", function.clause) is not None
    if room(function.path) not in BUILDERS:
        return False
    if function.clause in ("noexcept", "noexcept with gil"):        # cannot raise, but may touch its object
        return room(function.path) == "bridge"
    if re.fullmatch(r"except\s*\??\s*(-1|NULL|0)( nogil)?", function.clause):
        return True
    # A returned object says by itself that something was raised.
    return function.clause == "" and PYTHON_TYPES.fullmatch(function.type) is not None


@pytest.mark.parametrize("path", core_files(".pyx", ".pxd"), ids=name)
def test_functions_are_noexcept_nogil_or_builders(path):
    wrong = [str(function) for function in functions(path) if not is_allowed(function)]
    assert not wrong, "neither `noexcept nogil` nor a builder's `except -1`:\n" + "\n".join(wrong)


@pytest.mark.parametrize("path", core_files(".pyx", ".pxd"), ids=name)
def test_gil_stays_in_the_bridge(path):
    if room(path) == "bridge":
        return
    wrong = [
        f"{name(path)}:{number}: {line.strip()}"
        for number, line in enumerate(code(path).split("\n"), 1)
        if re.search(r"\bwith gil\b", line) or (room(path) not in BUILDERS and re.search(r"\bobject\b", line))
    ]
    assert not wrong, "the GIL or a Python object outside bridge/:\n" + "\n".join(wrong)


def test_the_reader_of_signatures_sees_all_forms(tmp_path):
    """The checks above are worth what `functions` finds."""
    source = tmp_path / "sample.pyx"
    source.write_text('''
cdef extern from "x.h" nogil:
    int c_function(int a)
cdef void plain(int a) nogil:
    cdef int x = call(a)
    cdef int y[4]
cdef inline span_t *many(int a,
                         void (*cb)(int) noexcept nogil) noexcept nogil:
    return plain(a)  # cdef void comment() nogil
ctypedef int (*on_event_cb)(void *p) noexcept nogil
cdef struct s:
    void (*field)(int) nogil
cdef class Owner(Base):
    cdef Thing thing(self):
        pass
cdef unsigned long long wide() except -1:
    """cdef void docstring() nogil"""
''')
    found = {function.name: function.clause for function in functions(source)}
    assert found == {
        "plain": "nogil", "many": "noexcept nogil", "on_event_cb": "noexcept nogil",
        "field": "nogil", "thing": "", "wide": "except -1",
    }
