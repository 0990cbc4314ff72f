"""The template's parameters and outputs, as the tools' own languages need them."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Parameter:
    name: str
    kind: str  # boolean, number, list or string
    description: str
    allowed: tuple[str, ...]  # empty: whatever the rest lets pass
    pattern: str | None
    least: int | None
    most: int | None


@dataclass(frozen=True)
class Output:
    name: str
    description: str
    is_conditional: bool


def words_of(name):
    """VpcSubnetIds: vpc, subnet, ids."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", name)]


def camel(name):
    first, *rest = words_of(name)
    return first + "".join(word.capitalize() for word in rest)


def snake(name):
    return "_".join(words_of(name))


def renamed(text, names, rename):
    """A description in which parameters have the names that they have elsewhere."""
    return re.sub(r"\b[A-Z]\w+\b", lambda word: rename(word[0]) if word[0] in names else word[0], text)


def _kind(definition):
    if definition["Type"] == "Number":
        return "number"
    if definition["Type"] != "String":
        raise SystemExit(f"deploy/generate does not know parameters of type {definition['Type']}")
    if definition.get("AllowedValues") == ["true", "false"]:
        return "boolean"
    # A list is a string with commas, which its pattern spells out.
    return "list" if "(," in definition.get("AllowedPattern", "") else "string"


def _parameter(name, definition):
    kind = _kind(definition)
    allowed = () if kind == "boolean" else tuple(map(str, definition.get("AllowedValues", [])))
    return Parameter(name, kind, definition["Description"], allowed, definition.get("AllowedPattern"),
                     definition.get("MinValue"), definition.get("MaxValue"))  # fmt: skip


def parameters_of(template):
    return [_parameter(name, definition) for name, definition in template["Parameters"].items()]


def outputs_of(template):
    return [Output(n, o.get("Description", ""), "Condition" in o) for n, o in template["Outputs"].items()]
