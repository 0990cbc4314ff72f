"""Decides whether EventBridge would match an event, for the operators that these templates use.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html. An operator that is not
written here fails loudly. `tests/e2e` tries the same patterns against LocalStack's engine.
"""

import re


def matches(pattern, event):
    return all(_member_matches(name, wanted, event) for name, wanted in pattern.items())


def _member_matches(name, wanted, event):
    if name == "$or":
        return any(matches(alternative, event) for alternative in wanted)
    # A pattern on an array says "some element".
    found = [one[name] for one in _elements(event) if isinstance(one, dict) and name in one]
    if isinstance(wanted, dict):
        return any(matches(wanted, one) for one in found)
    leaves = [leaf for one in found for leaf in _elements(one)]
    return any(_value_matches(condition, leaf) for condition in wanted for leaf in leaves)


def _elements(value):
    if not isinstance(value, list):
        return [value]
    return [leaf for one in value for leaf in _elements(one)]


def _value_matches(condition, value):
    if not isinstance(condition, dict):
        return condition == value
    ((operator, operand),) = condition.items()
    match operator:
        case "prefix":
            return isinstance(value, str) and value.startswith(operand)
        case "wildcard":
            expression = ".*".join(map(re.escape, operand.split("*")))
            return isinstance(value, str) and re.fullmatch(expression, value, re.S) is not None
    raise NotImplementedError(operator)
