"""Templates that tests are about."""

from app.prompts.few_shot import Example

HEAD = """\
---
description: A question and its answer.
inputs:
  topic: {type: string, maxLength: 2000}
  level: {type: string, enum: [easy, hard], default: easy}
response:
  format: json
  schema:
    properties:
      question: {type: string, maxLength: 200}
      answer: {type: string, maxLength: 400}
dedup: [question]
sampling: {temperature: 0.8, max_tokens: 200}
---
"""
QUESTION_ANSWER = (
    HEAD
    + """\
{% system %}
You write quiz questions.
{% endsystem %}

{% user %}
Topic: {{ topic }}
{% if level == "hard" %}
Make it hard.
{% endif %}
{% enduser %}
"""
)
EXAMPLES = tuple(
    Example({"topic": f"topic {n}"}, {"answer": f"The answer is {n}.", "question": f"What is {n}?"})
    for n in range(6)
)


def with_body(body: str, inputs: str = "x: {}") -> str:
    """A template of one user turn."""
    return (
        f"---\ndescription: A test.\ninputs: {{{inputs}}}\n"
        "response: {schema: {properties: {answer: {type: string}}}}\n---\n"
        f"{{% user %}}{body}{{% enduser %}}\n"
    )
