"""Which version may follow which."""

from types import SimpleNamespace

import pytest

from fastgate.plugins.versions import check_successor, version_key
from fastgate.sdk import PluginError

ASCENDING = ["0.9", "1.0.0-alpha", "1.0.0-alpha.2", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0rc1", "1.0.0", "1.0.0.post2",
             "1.0.0.post11", "1.0.0+2", "1.0.0+10", "1.0.1", "1.2", "1.10.0", "2.0-dev", "2.0", "10.0"]


def test_order():
    keys = [version_key(version) for version in ASCENDING]
    assert all(low < high for at, low in enumerate(keys) for high in keys[at + 1 :])


@pytest.mark.parametrize("one, other", [("1.0", "1.0.0"), ("1.0.0-rc1", "1.0.0rc1"), ("1.0.0-rc.1", "1.0.0-rc1")])
def test_written_in_two_ways(one, other):
    assert version_key(one) == version_key(other)


def of(version, package=""):
    return SimpleNamespace(contract=SimpleNamespace(version=version), package_version=package)


def test_a_plugin_of_a_new_package_may_keep_its_version():
    check_successor(of("1.0.0", "1.0"), of("1.0.0", "1.1"))
    check_successor(of("1.0.0", "1.1"), of("1.0.1", "1.1"))
    for before, after in ((of("1.0.0", "1.1"), of("1.0.0", "1.1")), (of("1.0.0", "1.1"), of("1.0.0", "1.0")),
                          (of("1.0.0"), of("1.0.0")), (of("1.0.0"), of("1.0"))):
        with pytest.raises(PluginError, match="its version is still"):
            check_successor(before, after)
    with pytest.raises(PluginError, match="only a higher one may follow"):
        check_successor(of("1.0.0", "1.0"), of("0.9.0", "1.1"))
