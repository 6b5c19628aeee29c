"""Every layout of ours, one to a file; importing this registers them."""

from app.datasets.exporters.messages import Messages
from app.datasets.exporters.prompt_completion import PromptCompletion
from app.datasets.exporters.records import Records

__all__ = ["Messages", "PromptCompletion", "Records"]
