"""A packed wheel depends on what is in it, and on nothing else."""

import sys
import zipfile

import pack
import pytest
from targets import Target

OWN = "cp%d%d" % sys.version_info[:2]
MUSL = Target("aarch64", "cp310", "musl")
FILES = {"fastgate/a.py": b"a = 1\n", "fastgate/b,c.py": b"", "zeta.py": b"z = 1\n"}


def test_order_times_and_modes_leave_no_trace(raw_wheel, tmp_path):
    tag = f"{OWN}-{OWN}-musllinux_1_2_aarch64"
    first = pack.repack(raw_wheel(FILES, tag), MUSL, tmp_path / "one", 1_700_000_000).read_bytes()
    turned = dict(reversed(FILES.items()))
    second = pack.repack(raw_wheel(turned, tag, date=(2024, 1, 1, 0, 0, 0), mode=0o600), MUSL, tmp_path / "two", 1_700_000_000)
    assert first == second.read_bytes()
    assert second.stat().st_mode & 0o777 == 0o644
    with zipfile.ZipFile(second) as archive:
        assert {info.date_time for info in archive.infolist()} == {(2023, 11, 14, 22, 13, 20)}
        names = archive.namelist()
        assert names[-1] == "fastgate-9.9.9.dist-info/RECORD" and names[:3] == sorted(FILES)


def test_another_time_is_another_file(raw_wheel, tmp_path):
    raw = raw_wheel(FILES, f"{OWN}-{OWN}-musllinux_1_2_aarch64")
    one, other = (pack.repack(raw, MUSL, tmp_path / str(moment), moment).read_bytes() for moment in (1_700_000_000, 1_700_000_002))
    assert one != other


def test_pip_can_install_what_was_packed(raw_wheel, tmp_path):
    """pip looks at each hash of RECORD only when asked; the gate `record` always does."""
    import gates

    packed = pack.repack(raw_wheel(FILES, f"{OWN}-{OWN}-musllinux_1_2_aarch64"), MUSL, tmp_path / "out", 0)
    assert not list(gates.record(gates.opened(packed, MUSL)))


@pytest.mark.parametrize("tag, target, expected", [
    (f"{OWN}-{OWN}-musllinux_1_2_aarch64", MUSL, "cp310-cp310-musllinux_1_2_aarch64"),
    ("cp311-abi3-manylinux_2_17_armv7l", Target("armv7l", "abi3"), "cp311-abi3-manylinux2014_armv7l.manylinux_2_17_armv7l"),
    ("cp39-abi3-manylinux_2_17_armv7l", Target("armv7l", "cp313"), "cp39-abi3-manylinux2014_armv7l.manylinux_2_17_armv7l"),
    ("py3-none-any", Target("armv7l", "cp313"), "py3-none-any"),
])
def test_tags_are_the_targets_but_for_wheels_that_say_otherwise(tag, target, expected):
    assert pack.retagged(tag, target) == expected


def test_both_platform_tags_stand_in_the_metadata(raw_wheel, tmp_path):
    packed = pack.repack(raw_wheel(FILES, f"{OWN}-{OWN}-manylinux_2_17_x86_64"), Target("x86_64", "cp314"), tmp_path / "out", 0)
    with zipfile.ZipFile(packed) as archive:
        text = archive.read("fastgate-9.9.9.dist-info/WHEEL").decode()
    assert text.splitlines()[2:] == ["Tag: cp314-cp314-manylinux2014_x86_64", "Tag: cp314-cp314-manylinux_2_17_x86_64"]


def test_the_time_is_the_given_one_or_the_last_commits(monkeypatch, tmp_path):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1234567890")
    assert pack.epoch() == 1234567890
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    monkeypatch.setattr(pack, "ROOT", tmp_path)         # no checkout
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert pack.epoch() == pack.EARLIEST
