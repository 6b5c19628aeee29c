"""Every filter of ours, one to a file; importing this registers them."""

from app.curation.filters.code import Code
from app.curation.filters.echo import Echo
from app.curation.filters.empty import Empty
from app.curation.filters.equals import Equals
from app.curation.filters.json_schema import JsonSchema
from app.curation.filters.language import Language
from app.curation.filters.length import Length
from app.curation.filters.one_of import OneOf
from app.curation.filters.pii import Pii
from app.curation.filters.range import Range
from app.curation.filters.refusal import Refusal
from app.curation.filters.regex import Regex
from app.curation.filters.repetition import Repetition
from app.curation.filters.secrets import Secrets

__all__ = [
    "Code",
    "Echo",
    "Empty",
    "Equals",
    "JsonSchema",
    "Language",
    "Length",
    "OneOf",
    "Pii",
    "Range",
    "Refusal",
    "Regex",
    "Repetition",
    "Secrets",
]
