"""Run a command that ends when its parent does, as `nobody` where root is not welcome.

Started by path in a fresh interpreter (`python -IS launch.py WHO COMMAND…`), never imported: what
it does to itself (leave a user namespace, drop an account) a process with threads cannot do safely.

WHO is `self`, `mapped` (root seen as nobody in a user namespace of its own: files keep their
owner, no capability is left) or `dropped` (really nobody: for containers that deny namespaces).
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

NOBODY = 65534
PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000


def die_with_parent(parent: int) -> None:
    """Ask Linux for SIGINT when the starting thread is gone; elsewhere the next start cleans up."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent ended before its child began")


def map_to_nobody() -> None:
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        sys.exit(f"no user namespace: {os.strerror(ctypes.get_errno())}")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")


def drop_to_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def main(who: str, command: list[str]) -> None:
    parent = os.getppid()
    if who == "mapped":
        map_to_nobody()
    elif who == "dropped":
        drop_to_nobody()
    die_with_parent(parent)
    os.execvp(command[0], command)  # noqa: S606


main(sys.argv[1], sys.argv[2:])
