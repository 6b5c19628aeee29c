"""What a filter sees: a record, and what it came from."""

from typing import NamedTuple

from app.curation.verdict import Record
from app.prompts.prompt import Prompt
from app.teachers.completion import Completion


class Sample(NamedTuple):
    record: Record
    """The seed row's inputs and the fields of the reply; holds only what can be stored."""
    completion: Completion | None = None
    """The reply as it came. Nothing for a record that no teacher wrote."""
    prompt: Prompt | None = None
    """What the teacher was asked. Nothing for a record that no teacher wrote, and where no filter
    of the chain says that it `needs_prompt`."""
