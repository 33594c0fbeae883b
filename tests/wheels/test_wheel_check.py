"""The judge's other tools are read as they mean it, and its verdict reaches the caller."""

import json
import sys

import check
import pytest
from targets import Target

AARCH64 = Target("aarch64", "abi3")
CLEAN = "int PyInit_core(void) { return 0; }"


@pytest.fixture
def wheel(wheel_of, compiled):
    return wheel_of(AARCH64, compiled(AARCH64, CLEAN))


@pytest.mark.parametrize("report, expected", [
    ({"overall_tag": "manylinux_2_17_aarch64"}, ""),
    ({"overall_tag": "manylinux_2_5_aarch64"}, ""),
    ({"overall_tag": "manylinux_2_34_aarch64"}, "says manylinux_2_34_aarch64, not manylinux_2_17"),
    ({"overall_tag": "linux_aarch64"}, "says linux_aarch64"),
    ({"overall_tag": "manylinux_2_17_aarch64", "external_libs": {"libz.so.1": None}}, "from outside: libz.so.1"),
    ({"error": "no platform wheel"}, "no verdict: {"),
    (None, "no verdict: Traceback"),
])
def test_what_auditwheel_says(report, expected, wheel):
    text = "" if report is None else json.dumps({"external_libs": {}} | report)
    found = " ".join(check.auditwheel_problems(text, "Traceback: it went wrong", wheel))
    assert expected in found and bool(expected) == bool(found)


def report(**result) -> str:
    result = {"is_abi3": True, "is_abi3_baseline_compatible": True, "baseline": "3.11", "computed": "3.11", "non_abi3_symbols": []} | result
    return json.dumps({"specs": {"x.whl": {"kind": "wheel", "wheel": [{"name": "core.abi3.so", "result": result}]}}})


@pytest.mark.parametrize("code, text, expected", [
    (0, report(), None),
    (1, report(is_abi3_baseline_compatible=False, computed="3.12"), "core.abi3.so: computed 3.12, baseline 3.11"),
    (1, report(is_abi3=False, non_abi3_symbols=["_PyLong_AsByteArray"]), "not in the stable ABI: _PyLong_AsByteArray"),
    (1, report(), "abi3audit exits with 1, 1 libraries seen"),
    (0, '{"specs": {}}', "0 libraries seen"),
    (2, "", "it broke"),
])
def test_what_abi3audit_says(code, text, expected):
    found = check.abi3audit_problems(code, text, "it broke")
    assert found == [] if expected is None else expected in found[0]


@pytest.mark.parametrize("target", [AARCH64, Target("x86_64", "abi3")], ids=str)
def test_the_tools_themselves_judge_a_clean_wheel(target, wheel_of, compiled):
    clean = wheel_of(target, compiled(target, "#include <stdlib.h>\nint PyInit_core(void) { return atoi(getenv(\"X\")); }"))
    assert list(check.auditwheel(clean)) == list(check.abi3audit(clean)) == []


def test_auditwheel_finds_a_symbol_newer_than_the_tag(wheel_of, compiled):
    late = ["-target", "aarch64-linux-gnu.2.34"]
    source = "#include <pthread.h>\nint PyInit_core(pthread_t t) { return pthread_join(t, 0); }"
    assert "says manylinux_2_34_aarch64" in " ".join(check.auditwheel(wheel_of(AARCH64, compiled(AARCH64, source, compiler=late))))


def test_abi3audit_finds_a_symbol_outside_the_stable_abi(wheel_of, compiled):
    source = "void PyUnstable_x(void); void *_PyObject_GetDictPtr(void *); int PyInit_core(void) { return _PyObject_GetDictPtr(0) != 0; }"
    wheel = wheel_of(AARCH64, compiled(AARCH64, source))
    assert "_PyObject_GetDictPtr" in " ".join(check.abi3audit(wheel))


def test_what_all_libraries_share_is_not_said_for_each():
    assert check.shortened(["a", "b", "c"]) == ["a", "b", "c"]
    assert check.shortened(["a", "b", "c", "d", "e"]) == ["a", "b", "c", "and 2 more"]


def test_verdict_and_table(wheel_of, compiled, monkeypatch, capsys):
    bad = wheel_of(AARCH64, compiled(AARCH64, CLEAN, "-Wl,-rpath,/opt/lib"))
    monkeypatch.setattr(sys, "argv", ["check.py", str(bad.path)])
    with pytest.raises(SystemExit) as end:
        check.main()
    said = capsys.readouterr()
    header, _, row = (line.split(" | ") for line in said.out.strip().split("\n"))
    assert {gate for gate, cell in zip(header, row, strict=True) if cell.startswith("FAILED")} == {"run path"}
    assert end.value.code == f"{bad.path.name}: run path: fastgate/_core/core.abi3.so: looks for libraries in /opt/lib"


def test_the_matrix_has_a_cell_for_each_target(tmp_path):
    good, bad = (tmp_path / f"fastgate-1-{target.tag}.whl" for target in (AARCH64, Target("armv7l", "cp312", "musl")))
    for path in (good, bad):
        path.write_bytes(bytes(1234))
    header, _, *rows = (line.strip("| ").split(" | ") for line in check.grid({good: {"size": []}, bad: {"size": ["too much"], "cpu": []}}).split("\n"))
    cells = {(row[0], column): cell for row in rows for column, cell in zip(header, row[1:], strict=True)}
    assert len(cells) == 36 and cells.pop(("abi3", "aarch64")) == "1,234" and cells.pop(("cp312", "armv7l-musl")) == "FAILED"
    assert set(cells.values()) == {"-"}


def test_a_file_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["check.py", "/nowhere/x.whl"])
    with pytest.raises(SystemExit, match="/nowhere/x.whl: no such file"):
        check.main()
