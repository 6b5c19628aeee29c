"""The bytes of a request: cached where they repeat, and never other ones for it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.prompts.prompt import Message
from app.teachers.capabilities import Capabilities
from app.teachers.failures import RequestRefused
from app.teachers.question import Encoder
from app.teachers.sampling import Sampling

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
TURN = st.builds(Message, st.sampled_from(["system", "user", "assistant"]), TEXT)
SCHEMA = {"type": "object"}


@given(chats=st.lists(st.lists(TURN, min_size=1, max_size=4), min_size=1, max_size=30))
def test_a_request_is_the_same_whatever_was_encoded_before(chats: list[list[Message]]) -> None:
    used = Encoder("m", Capabilities(json_schema=True))
    sampling = Sampling()
    for number, chat in enumerate(chats):
        schema = SCHEMA if number % 2 else None
        encoded = used.encode(chat, sampling, schema)
        assert encoded == Encoder("m", Capabilities(json_schema=True)).encode(
            chat, sampling, schema
        )
        told = json.loads(encoded)
        assert told["messages"] == [{"role": m.role, "content": m.content} for m in chat]
        assert ("response_format" in told) == (schema is not None)
        assert told["model"] == "m"


def test_another_sampling_is_sent_as_another() -> None:
    encoder = Encoder("m", Capabilities())
    chat = [Message("user", "a")]
    for temperature in (0.1, 0.9, 0.1):
        told = json.loads(encoder.encode(chat, Sampling(temperature=temperature), None))
        assert told["temperature"] == temperature


def test_a_text_that_is_no_unicode_is_refused_for_good() -> None:
    with pytest.raises(RequestRefused):
        Encoder("m", Capabilities()).encode([Message("user", "a\ud800")], Sampling(), None)
