"""The kinds of target, read from where each stands once: crates/failure-event/src/target."""

import re
from dataclasses import dataclass

from cloudformation import ROOT

FOLDER = ROOT / "crates/failure-event/src/target"


@dataclass(frozen=True)
class Kind:
    name: str
    parameter: str  # of the templates, which enables it
    is_on_by_default: bool
    actions: tuple[str, ...]  # of IAM; none where the request is a presigned URL

    def __str__(self):
        return self.name


def _read(file):
    code = (FOLDER / f"{file}.rs").read_text().split("#[cfg(test)]")[0]
    (parameter,) = re.findall(r"const PARAMETER: &'static str = \"(\w+)\";", code)
    is_on = "const IS_ON_BY_DEFAULT: bool = true;" in code
    return Kind(file.replace("_", "-"), parameter, is_on, tuple(re.findall(r'"([a-z]+:[A-Z]\w+)"', code)))


_registry = re.search(r"^targets! \{\n(.*?)^\}", (FOLDER / "mod.rs").read_text(), re.S | re.M)[1]
KINDS = [_read(file) for file in re.findall(r"^    (\w+)::\w+,$", _registry, re.M)]
SIGNED = [kind for kind in KINDS if kind.actions]
EVERY_KIND_ON = {kind.parameter: "true" for kind in KINDS}
