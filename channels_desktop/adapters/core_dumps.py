"""No image of this process ever lands on a disk: its memory holds keys, passphrases and tokens."""

from __future__ import annotations

import ctypes
import sys

_PR_SET_DUMPABLE = 4  # linux/prctl.h

if sys.platform == "win32":

    def forbid_core_dumps() -> None:
        """Do nothing: what Windows keeps of a crash is set by its owner for all programs."""

else:
    import resource

    def forbid_core_dumps() -> None:
        """Allow no core dump of this process or of those it starts; on Linux, let no other process read it either."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":
            # A limit does not hold where the system pipes dumps into a program.
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
