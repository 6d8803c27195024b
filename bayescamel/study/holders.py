"""Which process holds a lease, and whether it still lives: so that a dead loop's runs come back.

Only a process of this machine, since its last start, can be looked at. What another machine's
process held comes back when its lease has run out.
"""

import functools
import os
import socket
from pathlib import Path

SEPARATOR = "|"


@functools.cache
def _here() -> str:
    """Name this machine since its start, and the space in which its pids are counted."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return SEPARATOR.join((socket.gethostname(), boot, os.readlink("/proc/self/ns/pid")))
    except OSError:
        return ""  # no /proc: leases run out


def _began(pid: int) -> str | None:
    """When a process started, in the kernel's ticks; None: there is none, or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


def this_process() -> str | None:
    """What to store as the holder of a lease; None where it could never be looked at."""
    here, began = _here(), _began(os.getpid())
    return f"{here}{SEPARATOR}{os.getpid()}{SEPARATOR}{began}" if here and began else None


def is_gone(holder: str | None) -> bool:
    """Whether the holder is known to live no more."""
    if holder is None:
        return False
    here, _, process = (holder.rpartition(SEPARATOR)[0]).rpartition(SEPARATOR)
    if not here or here != _here() or not process.isdecimal():
        return False
    return _began(int(process)) != holder.rpartition(SEPARATOR)[2]
