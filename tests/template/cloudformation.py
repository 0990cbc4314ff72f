"""Reads a CloudFormation template and works out what it says for given parameters.

Only what these templates use: Ref, Fn::GetAtt, Fn::Sub, Fn::Join, Fn::Split, Fn::Select, Fn::If and the functions of
conditions. A reference to a resource becomes `<name>`, an attribute `<name.attribute>`.
"""

import copy
import functools
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PSEUDO = {
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "111111111111",
    "AWS::Partition": "aws",
    "AWS::StackName": "failure-relay",
    "AWS::StackId": "arn:aws:cloudformation:eu-west-1:111111111111:stack/failure-relay/11111111-2222-3333-4444-555555555555",
    "AWS::URLSuffix": "amazonaws.com",
}
NO_VALUE = object()


class _Loader(yaml.SafeLoader):
    pass


def _tag(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tag)


@functools.cache
def _read(path):
    text = (ROOT / path).read_text()
    return text, yaml.load(text, _Loader)


class Template:
    def __init__(self, path, pseudo=None, edit=None, **parameters):
        """`pseudo` holds pseudo parameters that are other than usual; `edit` changes what was read first."""
        self.text, self.raw = _read(path)
        if edit:
            self.raw = copy.deepcopy(self.raw)
            edit(self.raw)
        self.defaults = {n: p.get("Default") for n, p in self.raw["Parameters"].items()}
        unknown = set(parameters) - set(self.defaults)
        assert not unknown, f"no such parameters: {unknown}"
        self.pseudo = {**PSEUDO, **(pseudo or {})}
        self.parameters = {n: str(v) for n, v in {**self.defaults, **parameters}.items()}

    def resources(self, kind=None):
        """Each resource that exists with these parameters: its name and its properties, worked out."""
        found = {}
        for name, resource in self.raw["Resources"].items():
            if kind is not None and resource["Type"] != kind:
                continue
            if "Condition" not in resource or self.condition(resource["Condition"]):
                found[name] = self.value(resource.get("Properties", {}))
        return found

    def condition(self, name):
        return self.value(self.raw["Conditions"][name])

    def value(self, it):
        if isinstance(it, list):
            return [v for v in map(self.value, it) if v is not NO_VALUE]
        if not isinstance(it, dict):
            return it
        if len(it) == 1:
            (function, argument), = it.items()
            if function == "Ref":
                return self._ref(argument)
            if function == "Condition" and argument in self.raw["Conditions"]:
                return self.condition(argument)
            if function.startswith("Fn::"):
                return getattr(self, "_" + function[4:].lower())(argument)
        return {k: v for k, v in ((k, self.value(v)) for k, v in it.items()) if v is not NO_VALUE}

    def _ref(self, name):
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        assert name in self.raw["Resources"], f"reference to {name}, which is not there"
        return f"<{name}>"

    def _getatt(self, path):
        assert path[0] in self.raw["Resources"], f"attribute of {path[0]}, which is not there"
        return f"<{'.'.join(path)}>"

    def _sub(self, argument):
        text, variables = argument if isinstance(argument, list) else (argument, {})
        variables = self.value(variables)

        def one(match):
            name = match[1]
            if name in variables:
                return str(variables[name])
            return str(self._getatt(name.split(".", 1)) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}!]+)\}", one, text)

    def _join(self, argument):
        separator, parts = argument
        return separator.join(map(str, self.value(parts)))

    def _split(self, argument):
        separator, text = argument
        return self.value(text).split(separator)

    def _select(self, argument):
        index, parts = argument
        return self.value(parts)[int(index)]

    def _if(self, argument):
        name, yes, no = argument
        return self.value(yes if self.condition(name) else no)

    def _equals(self, argument):
        left, right = self.value(argument)
        return str(left) == str(right)

    def _not(self, argument):
        return not self.value(argument[0])

    def _and(self, argument):
        return all(self.value(argument))

    def _or(self, argument):
        return any(self.value(argument))
