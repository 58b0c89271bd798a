"""What editors are told of profiles."""

from __future__ import annotations

from typing import Any

from hwsim.device.schema import Profile


def json_schema() -> dict[str, Any]:
    """JSON Schema of a profile, for editors.

    What a profile must have it need not repeat where it ``extends`` another, and there ``null`` takes a key away: so keys are required
    only of a file that stands alone, and inside of it only names.
    """
    schema = Profile.model_json_schema()
    required = schema.pop("required")
    for name, part in schema["$defs"].items():
        kept = [key for key in part.get("required", ()) if key == "name" or name in {"Quantity", "SourceText"}]
        part.pop("required", None)
        if kept:
            part["required"] = kept
    for key, part in schema["properties"].items():
        if key not in required:
            schema["properties"][key] = {"anyOf": [part, {"type": "null"}]}
    alone = {"if": {"not": {"required": ["extends"]}}, "then": {"required": required}}
    heading = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "hwsim device profile"}
    return {**schema, **heading, **alone}
