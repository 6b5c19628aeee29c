"""Every layout of ours, one to a file; importing this registers them."""

from app.datasets.exporters.alpaca import Alpaca
from app.datasets.exporters.custom import Custom
from app.datasets.exporters.kto import Kto
from app.datasets.exporters.messages import Messages
from app.datasets.exporters.openai import OpenAi
from app.datasets.exporters.preference import Preference
from app.datasets.exporters.prompt_completion import PromptCompletion
from app.datasets.exporters.prompt_only import PromptOnly
from app.datasets.exporters.records import Records
from app.datasets.exporters.sharegpt import ShareGpt
from app.datasets.exporters.text import Text

__all__ = [
    "Alpaca",
    "Custom",
    "Kto",
    "Messages",
    "OpenAi",
    "Preference",
    "PromptCompletion",
    "PromptOnly",
    "Records",
    "ShareGpt",
    "Text",
]
