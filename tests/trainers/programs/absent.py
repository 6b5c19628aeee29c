"""Names that the trainers import and that reading rows never uses: sound, video, 8-bit floats.

There is no CPU build of some, and others are only loaded by models.
"""

import importlib.machinery
import sys
from types import ModuleType


class _Absent(ModuleType):
    __path__: list[str] = []

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def absent(*names: str) -> None:
    for name in names:
        module = _Absent(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        sys.modules[name] = module
