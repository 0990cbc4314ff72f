"""TypeScript: the properties and outputs of the construct."""

import json
import textwrap

from generated.template import camel, renamed

HEADER = "// Written by deploy/generate from template.yaml.\n"
TYPES = {"boolean": "boolean", "number": "number", "list": "readonly string[]", "string": "string"}
WIDTH = 110


def _comment(text):
    lines = textwrap.wrap(text, WIDTH - len("  /**  */"), break_long_words=False, break_on_hyphens=False)
    if len(lines) == 1:
        return f"  /** {text} */\n"
    return "  /**\n" + "".join(f"   * {line}\n" for line in lines) + "   */\n"


def _type(parameter):
    """With the blank or the line break before it."""
    if not parameter.allowed:
        return " " + TYPES[parameter.kind]
    spell = json.dumps if parameter.kind == "string" else str
    values = list(map(spell, parameter.allowed))
    if len(values) > 10:
        return "".join(f"\n    | {value}" for value in values)
    return " " + " | ".join(values)


def _range(parameter):
    bounds = [f"{word} {bound}" for word, bound in (("at least", parameter.least), ("at most", parameter.most)) if bound is not None]
    return f" {', '.join(bounds).capitalize()}." if bounds else ""


def _mapping(constant, interface, names):
    rows = "".join(f'  {camel(name)}: "{name}",\n' for name in names)
    return f"export const {constant}: Readonly<Record<keyof {interface}, string>> = {{\n{rows}}};\n"


def parameters(them):
    names = {parameter.name for parameter in them}
    members = ""
    for parameter in them:
        text = renamed(parameter.description, names, lambda name: f"`{camel(name)}`")
        members += _comment(text + _range(parameter)) + f"  readonly {camel(parameter.name)}?:{_type(parameter)};\n"
    return (
        f"{HEADER}\n/** The parameters of the template. What is left out has the template's default. */\n"
        f"export interface FailureRelayParameters {{\n{members}}}\n\n"
        "/** The name of each in the template. */\n" + _mapping("PARAMETERS", "FailureRelayParameters", [p.name for p in them])
    )


def outputs(them):
    members = ""
    for output in them:
        condition = "`undefined` where the parameters make none." if output.is_conditional else ""
        text = " ".join(filter(None, [output.description and output.description.rstrip(".") + ".", condition]))
        members += (_comment(text) if text else "") + f"  readonly {camel(output.name)}: string"
        members += " | undefined;\n" if output.is_conditional else ";\n"
    return (
        f"{HEADER}\n/** The outputs of the template. */\n"
        f"export interface FailureRelayOutputs {{\n{members}}}\n\n"
        "/** The name of each in the template. */\n" + _mapping("OUTPUTS", "FailureRelayOutputs", [o.name for o in them])
    )
