"""What the chunks of one slot share: the requests that the slot may have in flight.

A slot's next chunk begins while the last replies of the one before are still out; else the teacher
would idle at the end of every chunk for as long as the longest reply takes. Together they have no
more in flight than one alone, so that the cap of a teacher holds over all slots and workers.
"""

import asyncio
from dataclasses import dataclass, field


@dataclass(slots=True)
class Lane:
    _size: int = 0
    _free: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    def of(self, size: int) -> asyncio.Semaphore:
        """Held for each request in flight. A teacher's cap may have changed between two chunks:
        the next one then counts for itself.
        """
        if size != self._size:
            self._size, self._free = size, asyncio.Semaphore(size)
        return self._free


@dataclass(frozen=True, slots=True)
class Course:
    """How one chunk is to be asked."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Once set, nothing more is asked; what is in flight is settled."""
    near_end: asyncio.Event = field(default_factory=asyncio.Event)
    """Set as soon as what is left to be asked cannot fill the lane."""
    lane: Lane = field(default_factory=Lane)
