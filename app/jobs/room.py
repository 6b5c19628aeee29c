"""Room on the disk: below a floor, no new work is taken until there is room again.

A database whose log finds no room stops as a whole and does not start until somebody makes some;
one whose data files find none only refuses a transaction (PostgreSQL 18, measured). So we stop
first.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_SHARE = 0.05
_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Room:
    """Of the disk that holds `folder`."""

    folder: Path
    said: int | None
    """The floor in bytes, if a setting says one."""

    async def short(self, session: AsyncSession) -> str | None:
        """Why no work should be taken, where none should."""
        free, floor = self.free, await self.floor(session)
        if free >= floor:
            return None
        return (
            f"storage: {free / _GIB:.1f} GiB are free on the disk of {self.folder}, "
            f"fewer than {floor / _GIB:.1f} GiB"
        )

    @property
    def free(self) -> int:
        return shutil.disk_usage(self._there).free

    async def floor(self, session: AsyncSession) -> int:
        """The setting's, else twice the size that the database's log may have; but never more than
        a twentieth of the disk, so that a small machine can start.
        """
        if self.said is not None:
            return self.said
        log: int = await session.scalar(_LOG) or 0
        return min(2 * log, int(shutil.disk_usage(self._there).total * _SHARE))

    @property
    def _there(self) -> Path:
        """The folder, or what will hold it."""
        return next(path for path in (self.folder, *self.folder.parents) if path.exists())


_LOG = text("SELECT pg_size_bytes(current_setting('max_wal_size'))")
