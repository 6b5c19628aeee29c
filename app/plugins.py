"""Named, parametrised parts of a pipeline: parsers, filters, recipes, exporters.

A plugin is a frozen pydantic model: its fields are its parameters, its docstring is its
documentation, calling it does the work. A registry gives it a name and reads and writes
`{"name": …, …parameters}`.
"""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


class Plugin(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    plugin_name: ClassVar[str] = ""
    revision: ClassVar[int] = 1
    """Raised when the same parameters begin to decide differently."""


P = TypeVar("P", bound=Plugin)


class Registry(Generic[P]):
    """One kind of plugin. Others contribute through the entry-point group `limbeck.<kind>`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._plugins: dict[str, type[P]] = {}

    def register(self, name: str) -> Callable[[type[P]], type[P]]:
        def add(plugin: type[P]) -> type[P]:
            if self._plugins.setdefault(name, plugin) is not plugin:
                raise ValueError(f"two {self.kind}s are named {name!r}")
            plugin.plugin_name = name
            return plugin

        return add

    def load(self) -> None:
        """Import what other packages contribute; their modules register themselves."""
        for entry in entry_points(group=f"limbeck.{self.kind}"):
            entry.load()

    @property
    def names(self) -> list[str]:
        return sorted(self._plugins)

    def __getitem__(self, name: str) -> type[P]:
        return self._plugins[name]

    def read(self, value: Any) -> P:
        """An instance from `{"name": …, …parameters}`, or from an instance, which is kept."""
        if isinstance(value, Plugin) and type(value) in self._plugins.values():
            return value  # type: ignore[return-value]  # one of ours, just checked
        known = ", ".join(self.names)
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            raise PydanticCustomError(
                "plugin", "should be an object with a name; known: {known}", {"known": known}
            )
        parameters = dict(value)
        plugin = self._plugins.get(parameters.pop("name"))
        if plugin is None:
            raise PydanticCustomError(
                "plugin",
                "no {kind} is named {name}; known: {known}",
                {"kind": self.kind, "name": repr(value["name"])[:80], "known": known},
            )
        return plugin.model_validate(parameters)

    def write(self, plugin: P) -> dict[str, Any]:
        return {"name": plugin.plugin_name, **plugin.model_dump(mode="json")}

    # As an annotation, `Annotated[Filter, filters]` validates, serialises and documents itself.

    def __get_pydantic_core_schema__(
        self, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.read, serialization=core_schema.plain_serializer_function_ser_schema(self.write)
        )

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"oneOf": [self._document(name) for name in self.names]}

    def _document(self, name: str) -> JsonSchemaValue:
        schema = self._plugins[name].model_json_schema()
        schema["properties"] = {
            "name": {"const": name, "type": "string"},
            **schema.get("properties", {}),
        }
        schema["required"] = ["name", *schema.get("required", [])]
        return schema
