"""The compiled core: a source file is a module, and one shared object holds them all.

On its own each would be a file of pages, symbols and relocations, mapped at every start:
together they take a third of the disk and of the memory. Python's own finders know one module
a file, so this one, asked after them, answers for what is neither a package nor a .py here.
"""

import sys
from importlib.machinery import ExtensionFileLoader, ModuleSpec, PathFinder

LINKED = "_linked"      # as in setup.py


class LinkedLoader(ExtensionFileLoader):
    def create_module(self, spec):
        # CPython calls PyInit_ and the last part of the name. Rooms may have files of one name,
        # so setup.py compiles each with its room before it: PyInit_guard_table, PyInit_limit_table.
        *_, room, name = spec.name.split(".")
        module = super().create_module(ModuleSpec(f"{spec.parent}.{room}_{name}", self, origin=self.path))
        module.__name__ = spec.name
        return module


class LinkedFinder:
    def __init__(self, path):
        self.path = path

    def find_spec(self, name, path=None, target=None):
        if not name.startswith(f"{__name__}."):
            return None
        return ModuleSpec(name, LinkedLoader(name, self.path), origin=self.path)


found = PathFinder.find_spec(f"{__name__}.{LINKED}", __path__)
if found is None:
    raise ImportError(f"fastgate's core is not compiled for this Python: no {LINKED} shared object in {__path__[0]}; "
                      "install fastgate with pip, or in a checkout run: python setup.py build_ext --inplace")
sys.meta_path.append(LinkedFinder(found.origin))
