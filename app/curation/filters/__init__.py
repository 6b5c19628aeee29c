"""Every filter of ours, one to a file; importing this registers them."""

from app.curation.filters.empty import Empty
from app.curation.filters.length import Length
from app.curation.filters.refusal import Refusal

__all__ = ["Empty", "Length", "Refusal"]
