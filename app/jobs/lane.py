"""How one chunk is to be asked."""

import asyncio
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Course:
    """What others tell a chunk that is being asked, and what it tells them."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    """Once set, nothing more is asked; what is in flight is settled."""
    near_end: asyncio.Event = field(default_factory=asyncio.Event)
    """Set as soon as what is left to be asked, of all chunks of this worker for the same teacher,
    would not fill the teacher."""
