"""`fastgate bundle`: fastgate with Python and every library, as an archive or an OCI image.

tree.py puts the tree together from Debian's packages (debian.py) and Python's wheels (wheels.py);
prune.py says what is left out, elf.py what programs and libraries need, files.py writes what is
neither's. archive.py and image.py pack it: the same tree is always the same bytes.
"""


class BundleError(Exception):
    """No bundle. The message says what is missing, and what to do."""
