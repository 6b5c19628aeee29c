"""How things are named: `namespace/name`, and `namespace/name@3` for one of its versions."""

import re
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from app.errors import FieldError, Invalid, NotFound

T = TypeVar("T")

DEFAULT_NAMESPACE = "default"

_PART = r"[a-z0-9](?:_*(?:-_*)?[a-z0-9])*"
_LONGEST = 64
_REF = re.compile(
    rf"(?:(?P<namespace>{_PART})/)?(?P<name>{_PART})(?:@(?P<version>[1-9][0-9]{{0,8}}))?"
)
_RULE = (
    "lower-case letters, digits, '_' and single '-', at most 64, beginning and ending with a "
    "letter or digit"
)

Name = Annotated[
    str, StringConstraints(pattern=rf"^{_PART}$", max_length=_LONGEST), AfterValidator(str)
]
"""One part of a name."""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """A name as people write it: `faq`, `support/faq` or `support/faq@3`."""

    namespace: str
    name: str
    version: int | None = None

    @classmethod
    def parse(cls, text: str) -> "Ref":
        found = _REF.fullmatch(text) if len(text) <= 3 * _LONGEST else None
        if found is None or max(len(part or "") for part in found.groups()) > _LONGEST:
            raise ValueError(f"should be name, namespace/name or namespace/name@version ({_RULE})")
        version = found["version"]
        return cls(
            found["namespace"] or DEFAULT_NAMESPACE,
            found["name"],
            int(version) if version else None,
        )

    @property
    def path(self) -> str:
        """The last part of a URL path: `support/faq@3`."""
        return str(self)

    def __str__(self) -> str:
        at = f"@{self.version}" if self.version is not None else ""
        return f"{self.namespace}/{self.name}{at}"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        def read(value: Any) -> Ref:
            if isinstance(value, Ref):
                return value
            if not isinstance(value, str):
                raise PydanticCustomError("ref", "should be a name, such as support/faq@3")
            try:
                return cls.parse(value)
            except ValueError as error:
                raise PydanticCustomError("ref", "{why}", {"why": str(error)}) from None

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": f"^({_PART}/)?{_PART}(@[1-9][0-9]{{0,8}})?$",
            "examples": ["question-answer", "support/faq@3"],
        }


async def found_as(field: str, name: object, looking: Awaitable[T]) -> T:
    """What a document names in this field; that there is none is the document's fault. Raises
    `Invalid`.
    """
    try:
        return await looking
    except NotFound as missing:
        raise Invalid(
            missing.code,
            f"{field}: {missing.detail}",
            hint=missing.hint,
            errors=[FieldError(field, missing.detail, str(name))],
        ) from missing
