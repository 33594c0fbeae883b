"""Which build of the core, and of its test doors, is under test.

Normally the doors built in place, tests/fastgate_doors. What PYTHONPATH names comes before
them: a sanitizer's build, or wheel and doors of another CPU.
"""

import os
import sys
from pathlib import Path

from hypothesis import settings

named = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
for entry in [str(Path(__file__).parents[1]), *reversed(named)]:
    if entry in sys.path:
        sys.path.remove(entry)
    sys.path.insert(0, entry)


def pytest_collection_modifyitems(items):
    """A test that asks for more examples than usual gets no more than such a profile gives."""
    most = settings.default.max_examples
    if most < settings.get_profile("usual").max_examples:
        for item in items:
            asked = getattr(item.obj, "_hypothesis_internal_use_settings", None)
            if asked is not None and asked.max_examples > most:
                item.obj._hypothesis_internal_use_settings = settings(asked, max_examples=most)
