"""What wheels/ has in common with `fastgate bundle`, taken from there: the tools here run where fastgate is not installed.

Bundles and the tests' boards are of one Debian: what a board takes, a bundle takes.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from fastgate.bundle import BundleError  # noqa: E402
from fastgate.bundle.debian import extraction, mirror_of  # noqa: E402
from fastgate.bundle.machines import MACHINES, PYTHON, SUITE  # noqa: E402
from fastgate.bundle.sbom import licence_of  # noqa: E402
from fastgate.bundle.wheels import choice  # noqa: E402

__all__ = ["MACHINES", "PYTHON", "SUITE", "BundleError", "choice", "extraction", "licence_of", "mirror_of"]
