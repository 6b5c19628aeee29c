"""OpenAI's rules for a file to be fine-tuned on.

A line is an object with `messages`; each is what the API takes as a message of its role, with text;
the last is the assistant's. https://platform.openai.com/docs/guides/supervised-fine-tuning
"""

import json
import sys
from pathlib import Path

from openai.types.chat import ChatCompletionMessageParam
from pydantic import TypeAdapter
from pydantic_core import from_json

message = TypeAdapter(ChatCompletionMessageParam)
lines = Path(sys.argv[1]).read_bytes().splitlines()
for line in lines:
    example = from_json(line)
    assert example.keys() == {"messages"}, example
    for each in example["messages"]:
        assert each.keys() == {"role", "content"}, each
        assert message.validate_python(each) == each
        assert each["content"]
    roles = [each["role"] for each in example["messages"]]
    assert roles == ["system", "user", "assistant"], roles
print(json.dumps({"lines": len(lines), "first": from_json(lines[0])}))
