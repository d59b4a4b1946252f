"""Whether what a command prints is what its published schema says, and nothing besides."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

SCHEMAS = Path(__file__).parent.parent / "docs" / "schemas"


def read(name: str) -> dict[str, Any]:
    """A published schema."""
    return json.loads((SCHEMAS / f"{name}.schema.json").read_text())  # type: ignore[no-any-return]


def _closed(schema: Any) -> Any:
    """The schema with no room for fields that it does not name: readers have it, we have not."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(one) for name, one in schema.items()}
    return closed | {"additionalProperties": False} if "properties" in schema else closed


@cache
def _validator(name: str) -> Any:
    return jsonschema.Draft202012Validator(_closed(read(name)))


def validate(name: str, value: Any) -> None:
    """Raises jsonschema.ValidationError."""
    _validator(name).validate(value)
