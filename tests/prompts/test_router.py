from typing import Any

import httpx
import pytest

from tests.prompts.sources import EXAMPLES, QUESTION_ANSWER, with_body

EXAMPLE_LIST: list[dict[str, Any]] = [
    {"inputs": e.inputs, "response": e.response} for e in EXAMPLES
]


@pytest.fixture
async def template(api: httpx.AsyncClient) -> dict[str, Any]:
    return await made(api, "/v1/templates", name="qa", source=QUESTION_ANSWER)


async def made(api: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    answer = await api.post(path, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def refused(
    api: httpx.AsyncClient, path: str, status: int = 422, **body: Any
) -> dict[str, Any]:
    answer = await api.post(path, json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    return problem


async def test_a_template_is_made_and_read_back(
    api: httpx.AsyncClient, template: dict[str, Any]
) -> None:
    assert template["ref"] == "default/qa@1"
    assert template["response"]["format"] == "json"
    assert template["inputs"]["required"] == ["topic"]
    assert template["source"] == QUESTION_ANSWER
    for path in ("/v1/templates/default/qa", "/v1/templates/default/qa@1"):
        assert (await api.get(path)).json() == template


async def test_the_same_source_again_answers_the_same_version(
    api: httpx.AsyncClient, template: dict[str, Any]
) -> None:
    again = await api.post("/v1/templates", json={"name": "qa", "source": QUESTION_ANSWER})
    versions = "/v1/templates/default/qa/versions"
    windows = await api.post(versions, json={"source": QUESTION_ANSWER.replace("\n", "\r\n")})

    assert (again.status_code, again.json()) == (200, template)
    assert (windows.status_code, windows.json()) == (200, template)


async def test_a_changed_source_is_the_next_version(
    api: httpx.AsyncClient, template: dict[str, Any]
) -> None:
    changed = QUESTION_ANSWER.replace("quiz", "exam")
    conflict = await refused(api, "/v1/templates", 409, name="qa", source=changed)
    second = await made(api, "/v1/templates/default/qa/versions", source=changed)

    assert conflict["code"] == "template.exists"
    assert "/versions" in conflict["hint"]
    assert second["ref"] == "default/qa@2"
    assert (await api.get("/v1/templates/default/qa")).json()["version"] == 2
    assert (await api.get("/v1/templates/default/qa@1")).json() == template


async def test_a_wrong_source_is_told_why(api: httpx.AsyncClient) -> None:
    source = QUESTION_ANSWER.replace("{{ topic }}", "{{ topik }}")

    problem = await refused(api, "/v1/templates", name="qa", source=source)

    assert problem["code"] == "template.invalid"
    assert [error["field"] for error in problem["errors"]] == [
        "/source/inputs/topik",
        "/source/inputs/topic",
    ]


async def test_what_is_missing_is_not_found(
    api: httpx.AsyncClient, template: dict[str, Any]
) -> None:
    for path in ("qb", "qa@2", "qb/versions", "qa/diff?from=1&to=2"):
        answer = await api.get(f"/v1/templates/default/{path}")
        assert answer.status_code == 404
        assert answer.json()["code"] == "template.not_found"
    missing = await refused(api, "/v1/templates/default/qb/versions", 404, source=QUESTION_ANSWER)
    assert missing["hint"] == "Did you mean default/qa?"


@pytest.mark.parametrize("name", ["Qa", "qa@", "qa@0", "qa@x", "-qa", "q a", "qa@99999999999"])
async def test_a_name_that_is_none_is_refused(api: httpx.AsyncClient, name: str) -> None:
    answer = await api.get(f"/v1/templates/default/{name}")

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "path.name"


async def test_templates_and_versions_are_paged(api: httpx.AsyncClient) -> None:
    for name in ("a", "b", "c"):
        await made(api, "/v1/templates", name=name, source=QUESTION_ANSWER)
    for number in range(4):
        source = QUESTION_ANSWER.replace("quiz", str(number))
        await made(api, "/v1/templates/default/b/versions", source=source)

    assert await walk(api, "/v1/templates") == ["default/a@1", "default/b@5", "default/c@1"]
    assert await walk(api, "/v1/templates/default/b/versions") == [
        f"default/b@{version}" for version in range(1, 6)
    ]
    assert await walk(api, "/v1/templates", namespace="other") == []


async def walk(api: httpx.AsyncClient, path: str, **query: str) -> list[str]:
    refs: list[str] = []
    params: dict[str, Any] = {"limit": 2, **query}
    while True:
        page = (await api.get(path, params=params)).json()
        refs += [item["ref"] for item in page["items"]]
        if page["next"] is None:
            return refs
        params["cursor"] = page["next"]


async def test_a_template_is_rendered_with_examples_given_or_stored(
    api: httpx.AsyncClient, template: dict[str, Any]
) -> None:
    path = "/v1/templates/default/qa@1/render"
    inputs = {"topic": "tea"}
    await made(api, "/v1/few-shot-sets", name="core", examples=EXAMPLE_LIST, template="qa")

    bare = (await api.post(path, json={"inputs": inputs})).json()
    given = (await api.post(path, json={"inputs": inputs, "examples": EXAMPLE_LIST[:2]})).json()
    stored = (await api.post(path, json={"inputs": inputs, "few_shot": "core", "k": 2})).json()

    assert bare["messages"] == [
        {"role": "system", "content": "You write quiz questions."},
        {"role": "user", "content": "Topic: tea"},
    ]
    assert bare["text"] == "[system]\nYou write quiz questions.\n\n[user]\nTopic: tea"
    assert (bare["template"], bare["few_shot"]) == ("default/qa@1", None)
    assert len(given["messages"]) == 6
    assert (stored["messages"], stored["digest"]) == (given["messages"], given["digest"])
    assert stored["few_shot"] == "default/core@1"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"inputs": {}}, "/inputs/topic"),
        ({"inputs": {"topic": "x"}, "k": 3}, "/k"),
        ({"inputs": {"topic": "x"}, "examples": [{}]}, "/examples/0"),
        ({"inputs": {"topic": "x"}, "examples": [{"inputs": {}, "response": {}}]},
         "/examples/0/inputs/topic"),
        ({"inputs": {"topic": "x"}, "few_shot": "core", "examples": []}, "/few_shot"),
        ({"inputs": {"topic": "x"}, "few_shot": "no good"}, "/few_shot"),
        ({"topic": "x"}, "/inputs"),
    ],
)  # fmt: skip
async def test_a_wrong_rendering_is_told_why(
    api: httpx.AsyncClient, template: dict[str, Any], body: dict[str, Any], field: str
) -> None:
    await made(api, "/v1/few-shot-sets", name="core", examples=EXAMPLE_LIST)

    problem = await refused(api, "/v1/templates/default/qa/render", **body)

    assert field in {error["field"] for error in problem["errors"]}


async def test_a_bomb_is_an_answer_like_any_other(api: httpx.AsyncClient) -> None:
    loops = "{% for a in x %}" * 3 + "{% set y = a %}" + "{% endfor %}" * 3
    await made(api, "/v1/templates", name="bomb", source=with_body(loops))

    problem = await refused(
        api, "/v1/templates/default/bomb/render", inputs={"x": list(range(3000))}
    )

    assert problem["code"] == "prompt.limits"
    assert (await api.get("/v1/templates/default/bomb")).status_code == 200


async def test_two_versions_are_compared(api: httpx.AsyncClient, template: dict[str, Any]) -> None:
    changed = QUESTION_ANSWER.replace("[easy, hard]", "[easy]")
    await made(api, "/v1/templates/default/qa/versions", source=changed)

    found = (await api.get("/v1/templates/default/qa/diff", params={"from": 1, "to": 2})).json()

    assert found["text"].startswith("--- default/qa@1\n+++ default/qa@2\n")
    assert [change["what"] for change in found["changes"]] == ["/inputs/level"]


async def test_a_few_shot_set_is_made_and_read_back(
    api: httpx.AsyncClient, template: dict[str, Any]
) -> None:
    body = {"name": "core", "namespace": "support", "examples": EXAMPLE_LIST, "template": "qa"}
    first = await made(api, "/v1/few-shot-sets", **body)
    again = await api.post("/v1/few-shot-sets", json=body)
    second = await made(api, "/v1/few-shot-sets/support/core/versions", examples=EXAMPLE_LIST[:4])

    assert (first["ref"], first["template"], first["size"]) == ("support/core@1", "default/qa@1", 6)
    assert (again.status_code, again.json()) == (200, first)
    assert (second["ref"], second["template"]) == ("support/core@2", None)
    assert (await api.get("/v1/few-shot-sets/support/core@1")).json() == first
    assert await walk(api, "/v1/few-shot-sets") == ["support/core@2"]
    assert await walk(api, "/v1/few-shot-sets/support/core/versions") == [
        "support/core@1",
        "support/core@2",
    ]


@pytest.mark.parametrize("count", [0, 3, 9])
async def test_a_set_outside_four_to_eight_is_refused(api: httpx.AsyncClient, count: int) -> None:
    examples = (EXAMPLE_LIST * 2)[:count]

    problem = await refused(api, "/v1/few-shot-sets", name="core", examples=examples)

    assert problem["detail"] == f"/examples: should hold from 4 to 8 examples; it holds {count}"


async def test_examples_that_do_not_fit_their_template_are_named(
    api: httpx.AsyncClient, template: dict[str, Any]
) -> None:
    wrong = [*EXAMPLE_LIST[:3], {"inputs": {"topic": "x"}, "response": {"question": "q"}}]

    problem = await refused(api, "/v1/few-shot-sets", name="core", examples=wrong, template="qa@1")
    missing = await refused(
        api, "/v1/few-shot-sets", 404, name="core", examples=wrong, template="qa@2"
    )

    assert problem["code"] == "few_shot.invalid"
    assert problem["errors"][0]["field"] == "/examples/3/response/answer"
    assert missing["code"] == "template.not_found"
