"""What every test shares: which build of fastgate is under test."""

import os
import sys

# pytest puts tests/ first on sys.path, and with it the doors of an in-place build. What
# PYTHONPATH names (a sanitizer's build, a wheel unpacked for another CPU) must win.
for entry in reversed([path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]):
    if entry in sys.path:
        sys.path.remove(entry)
    sys.path.insert(0, entry)
