"""What a long start shows: one line per step, with its seconds; a spinner on a terminal."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console


class Steps:
    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, what: str) -> Iterator[Callable[[str], None]]:
        """Time the block; it may tell what it is busy with."""
        began = time.monotonic()
        with self.console.status(what) as status:
            yield lambda detail: status.update(f"{what} [dim]{detail}[/dim]")
        seconds = time.monotonic() - began
        self.console.print(f"[green]✓[/green] {what} [dim]{seconds:.1f} s[/dim]", highlight=False)

    def say(self, sentence: str) -> None:
        self.console.print(sentence, highlight=False)
