"""Small trees to pack, and the parts of a bundle that are made once for several tests."""

import sys

import pytest
from fastgate.bundle.machines import PYTHON

# The compiled core at hand is for the Python that runs the tests, the bundle's Python is always the same.
collect_ignore = [] if PYTHON == "%d.%d" % sys.version_info[:2] else ["test_whole.py"]


@pytest.fixture
def tree(tmp_path):
    """What a bundle has, as one file of each kind."""
    from fastgate.bundle import files
    from fastgate.bundle.machines import MACHINES

    top = tmp_path / "tree"
    (top / "usr/lib/python3/dist-packages/fastgate").mkdir(parents=True)
    (top / "usr/lib/python3/dist-packages/fastgate/__init__.py").write_text("one = 1\n")
    (top / "usr/lib/python3.11").mkdir()
    (top / "usr/lib/python3.11/os.py").write_text("two = 2\n")
    (top / "usr/bin").mkdir()
    (top / "usr/bin/python3").symlink_to("python3.11")
    files.write(top, MACHINES["arm64"])
    return top
