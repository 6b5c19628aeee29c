"""How completions are drawn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.teachers.sampling import Sampling


def test_every_field_is_sent_whether_said_or_not() -> None:
    told = Sampling().on_the_wire(extras=True)
    assert told == {
        "temperature": 0.8,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "max_tokens": 1024,
        "n": 1,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "repetition_penalty": 1.0,
    }


def test_a_server_not_known_to_take_extras_is_told_those_that_are_set() -> None:
    assert "top_k" not in Sampling().on_the_wire()
    assert Sampling(top_k=5).on_the_wire()["top_k"] == 5


def test_the_random_seed_has_the_servers_name_on_the_wire_only() -> None:
    sampling = Sampling(random_seed=4)
    assert sampling.on_the_wire()["seed"] == 4
    assert "seed" not in sampling.model_dump()


@pytest.mark.parametrize(("given_", "told"), [({"logprobs": True}, 0), ({"top_logprobs": 3}, 3)])
def test_logprobs_are_asked_for_by_either_name(given_: dict[str, int], told: int) -> None:
    wire = Sampling.model_validate(given_).on_the_wire()
    assert (wire["logprobs"], wire["top_logprobs"]) == (True, told)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": 2.1},
        {"temperature": float("nan")},
        {"top_p": 0},
        {"n": 0},
        {"n": 65},
        {"max_tokens": 0},
        {"stop": [""]},
        {"seed": 1},
        {"n": 2, "temperature": 0},
    ],
)
def test_what_no_teacher_would_take_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Sampling.model_validate(wrong)


@given(
    st.builds(
        Sampling,
        temperature=st.floats(0.1, 2),
        n=st.integers(1, 64),
        top_k=st.none() | st.integers(1, 1000),
        top_logprobs=st.none() | st.integers(0, 20),
        stop=st.lists(st.text(min_size=1, max_size=5), max_size=3),
    )
)
def test_a_sampling_survives_its_json(sampling: Sampling) -> None:
    assert Sampling.model_validate_json(sampling.model_dump_json()) == sampling
