"""Every parser of ours, one to a file; importing this registers them."""

from app.curation.parsers.json import Json
from app.curation.parsers.tags import Tags
from app.curation.parsers.text import Text

__all__ = ["Json", "Tags", "Text"]
