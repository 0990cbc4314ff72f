"""HCL: the variables and outputs of the module, as `terraform fmt` lays them out."""

import json

from generated.template import renamed, snake

HEADER = "# Written by deploy/generate from template.yaml.\n"
TYPES = {"boolean": "bool", "number": "number", "list": "list(string)", "string": "string"}


def _text(text):
    """A string of HCL: as JSON's, without what would begin a template."""
    return json.dumps(text, ensure_ascii=False).replace("${", "$${").replace("%{", "%%{")


def _aligned(rows, indent):
    width = max(len(name) for name, _ in rows)
    return "".join(f"{' ' * indent}{name:{width}} = {value}\n" for name, value in rows)


def _string_of(parameter):
    """What CloudFormation is given: all parameters are strings there, and lists have commas."""
    variable = f"var.{snake(parameter.name)}"
    if parameter.kind == "list":
        return f'{variable} == null ? null : join(",", {variable})'
    return variable if parameter.kind == "string" else f"tostring({variable})"


def _conditions(parameter):
    """Pairs of a condition and what it asks for. The variable is not null there."""
    variable = f"var.{snake(parameter.name)}"
    if parameter.allowed:
        values = [_text(v) if parameter.kind == "string" else v for v in parameter.allowed]
        yield f"contains([{', '.join(values)}], {variable})", f"must be one of {', '.join(parameter.allowed)}"
    if parameter.least is not None:
        yield f"{variable} >= {parameter.least}", f"must be at least {parameter.least}"
    if parameter.most is not None:
        yield f"{variable} <= {parameter.most}", f"must be at most {parameter.most}"
    if parameter.pattern:
        value = f'join(",", {variable})' if parameter.kind == "list" else variable
        wish = f"must match {parameter.pattern}"
        yield f"can(regex({_text(parameter.pattern)}, {value}))", f"joined with commas {wish}" if parameter.kind == "list" else wish


def _variable(parameter, names):
    name = snake(parameter.name)
    description = renamed(parameter.description, names, snake)
    block = _aligned([("type", TYPES[parameter.kind]), ("default", "null"), ("description", _text(description))], 2)
    for condition, wish in _conditions(parameter):
        rows = [("condition", f"var.{name} == null ? true : {condition}"),
                ("error_message", _text(f"{name} {wish}."))]  # fmt: skip
        block += f"\n  validation {{\n{_aligned(rows, 4)}  }}\n"
    return f'variable "{name}" {{\n{block}}}\n'


def parameters(them):
    names = {parameter.name for parameter in them}
    variables = "\n".join(_variable(parameter, names) for parameter in them)
    given = _aligned([(parameter.name, _string_of(parameter)) for parameter in them], 4)
    return (
        f"{HEADER}\n{variables}\nlocals {{\n  given = {{\n{given}  }}\n"
        "  # What is null is left out, and has the template's default.\n"
        "  parameters = { for name, value in local.given : name => value if value != null }\n}\n"
    )


def _output(output):
    outputs = "aws_cloudformation_stack.relay.outputs"
    value = f'lookup({outputs}, "{output.name}", null)' if output.is_conditional else f'{outputs}["{output.name}"]'
    rows = [("value", value)]
    if output.description:
        suffix = " null where the variables make none." if output.is_conditional else ""
        rows.insert(0, ("description", _text(f"{output.description.rstrip('.')}.{suffix}")))
    return f'output "{snake(output.name)}" {{\n{_aligned(rows, 2)}}}\n'


def outputs(them):
    return HEADER + "\n" + "\n".join(map(_output, them))
