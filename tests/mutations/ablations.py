"""What can be taken away from a kind of target: one function a sort, which finds its place in the tree as it is.

Each yields ablations, or says why the kind has nothing of the sort, from what `relayctl kinds` says of it. A place that is not found is
`Stale`: nothing is passed over in silence.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from tree import ROOT

TARGETS = "crates/failure-event/src/target"
REFERENCE = f"{TARGETS}/reference.rs"
STAGE = "tests/it/simulation/stage.rs"
FUZZ = "fuzz/src/lib.rs"
RELAY, ROLE = "template.yaml", "deploy/cross-account-role.yaml"

# Limits that two kinds have in common stand beside them.
SHARED = ("failure_details", "cloudformation_response")


class Stale(Exception):
    """The tree is not what an ablation takes it for."""


@dataclass(frozen=True)
class Ablation:
    what: str
    changes: dict  # file: its text without what is taken away, or None where the file is
    told: tuple  # what the failing check must say, beside which kind it is


@dataclass(frozen=True)
class Sort:
    name: str
    check: str  # one of `checks.CHECKS`
    find: Callable  # of a row of `relayctl kinds`: ablations, or a reason why there are none
    called: Callable = lambda row: row["kind"]  # as what the failing check must name the kind


def text_of(file):
    return (ROOT / file).read_text()


def replaced(file, pattern, by, times=1, text=None):
    """The file's text with what matches replaced, so many times or, with None, wherever it is."""
    text = text_of(file) if text is None else text
    new, count = re.subn(pattern, by, text, flags=re.M)
    if new == text or (times is not None and count != times):
        raise Stale(f"{file}: {count} places match {pattern!r}")
    return new


def without(what, file, pattern, *told, by="", times=1):
    return [Ablation(what, {file: replaced(file, pattern, by, times)}, told)]


def file_of(row):
    return f"{TARGETS}/{row['kind'].replace('-', '_')}.rs"


# ------------------------------------------------------------------ what the kind's own file says


def errors(row):
    file, pattern = file_of(row), r"(const ERRORS: ErrorTable =\s*)([^;]*);$"
    table = re.search(pattern, text_of(file), re.M)
    named = re.findall(r'"(\w+)"', table[2]) if table else []
    # Where it names none, it is the one of presigned URLs.
    return without("its error table is empty", file, pattern, named[0] if named else "all is rejected but", by=r"\1ErrorTable::EMPTY;")


def limits_of_members(row):
    """Each limit is one more than it was, wherever it stands: in the member, in a rule that it names, or beside the kind."""
    limited = [member for member in row["members"] if member["max"]]
    if not limited:
        return "the form of its members leaves no other length"
    return [limit_of_member(row, member) for member in limited]


def limit_of_member(row, member):
    name, file, most = member["name"], file_of(row), member["max"]
    text = text_of(file)
    declared = re.search(rf'Member::\w+\(\s*"{name}",\s*(.*?)\)?\);', text, re.S)
    rule = declared[1] if declared else ""
    number = "_?".join(f"{most:_}".split("_"))
    if "max:" in rule:
        pattern = rf'("{name}",\s*Rule::\w+ \{{ max: ){number}\b'
    elif rule.startswith("url_of("):
        file, pattern = f"{TARGETS}/cloudformation_response.rs", rf"(const URL_MAX: usize = ){number}\b"
    else:
        pattern = rf"(const {rule or name}: Rule = Rule::\w+ \{{ max: ){number}\b"
    changes = {file: replaced(file, pattern, rf"\g<1>{most + 1}")}
    return Ablation(f"the limit of {name} is {most + 1}", changes, (f"the limit of {name} is {most + 1}",))


def limits_of_texts(row):
    if not row["carriesText"]:
        return "its operation takes no text"
    files = [file_of(row)]
    files += [f"{TARGETS}/{name}.rs" for name in SHARED if re.search(rf"^use super::{name}\b", text_of(files[0]), re.M)]
    found = []
    for file in files:
        for name, number in re.findall(r"^pub(?:\(super\))? const (\w+_MAX): usize = ([\d_]+);", text_of(file), re.M):
            most = int(number)
            changes = {file: replaced(file, rf"(const {name}: usize = ){number};", rf"\g<1>{most + 1};")}
            found.append(Ablation(f"{name} is {most + 1}", changes, (f"has {most + 1} ", f"and not {most}")))
    if not found:
        raise Stale(f"{files[0]} takes texts and has no limit")
    return found


def secrets(row):
    names = [member["name"] for member in row["members"] if member["secret"]]
    if not names:
        return "none of its members is a secret"
    return [
        ablation
        for name in names
        for ablation in without(
            f"{name} is no secret", file_of(row), rf'Member::secret(\(\s*"{name}")', f"the secret flag of {name} is false", by=r"Member::required\1"
        )
    ]


def row_of_reference(row):
    """The compiler tells that the independent table lacks a kind: it names the variant."""
    variant = variant_of(row)
    return without("its row in the table of references", REFERENCE, rf"Kind::{variant} =>", "not covered", by=f"Kind::{variant} if false =>")


def variant_of(row):
    module = row["kind"].replace("-", "_")
    found = re.search(rf"^    {module}::(\w+),$", text_of(f"{TARGETS}/mod.rs"), re.M)
    if not found:
        raise Stale(f"targets! has no {module}")
    return found[1]


NOTICES = ["crates/failure-event/src/notice/shapes.rs", "crates/failure-event/src/notice/identity.rs"]
WITHOUT_SHAPE = {"cloudformation-wait-condition": "AWS hands the URL of its handle to no worker: a template does, in whatever form"}


def shape(row):
    """Where a worker's event or environment holds its identity, another kind is named."""
    variant, changes = variant_of(row), {}
    other = "CodePipelineJob" if variant == "CodePipelineApproval" else "CodePipelineApproval"
    for file in NOTICES:
        code, mark, tests = text_of(file).partition("#[cfg(test)]")
        if f"Kind::{variant}," in code:
            changes[file] = code.replace(f"Kind::{variant},", f"Kind::{other},") + mark + tests
    reason = WITHOUT_SHAPE.get(row["kind"])
    if bool(changes) == bool(reason):
        raise Stale(f"{len(changes)} of {NOTICES} name {variant}")
    return reason or [Ablation("its shape names another kind", changes, ())]


# ------------------------------------------------------------------ events, documents, schema


def event(row):
    return removed(f"events/routable/{row['kind']}.json")


def unroutable_event(row):
    if not row["actions"]:
        return "a presigned URL is open or expired: its service knows no identities"
    return removed(f"events/unroutable/REJECTED_BY_SERVICE-{row['kind']}-that-the-service-does-not-know.json")


def removed(file):
    if not (ROOT / file).is_file():
        raise Stale(f"{file} is missing")
    return [Ablation(file, {file: None}, (file.split("/")[-1],))]


def event_of_the_batch(row):
    file = "events/routable/one-of-every-kind-in-an-sqs-batch.json"
    return without(f"its record in {file}", file, rf'\\"{row["kind"]}\\"', file.split("/")[-1], by=r'\\"ablated\\"', times=None)


def line_of_event(row):
    listed = f"routable/{row['kind']}.json"
    return without("the line of its event", "events/README.md", rf"^.*\]\({listed}\).*\n", listed)


def row_of_readme(row):
    return without("its row", "README.md", rf"^\| `{row['kind']}` \|.*\n", "README.md has no row")


def member_in_readme(row):
    name = row["members"][0]["name"]
    return without(f"{name} in its row", "README.md", rf"^(\| `{row['kind']}` \|.*?)`{name}`", f"lacks {name}", by=r"\1")


def line_of_runbook(row):
    return without("its parameter among the settings", "docs/runbook.md", rf"^(\| `RELAY_TARGETS` \|.*)`{row['parameter']}`", row["parameter"], by=r"\1")


def branch_of_schema(row):
    file = "schema/failure-event.v1.schema.json"
    schema = json.loads(text_of(file))
    target = schema["properties"]["target"]
    rest = [branch for branch in target["allOf"] if branch["if"]["properties"]["kind"]["const"] != row["kind"]]
    if len(rest) != len(target["allOf"]) - 1:
        raise Stale(f"{file} has {len(target['allOf']) - len(rest)} branches")
    target["allOf"] = rest
    return [Ablation("its branch", {file: json.dumps(schema, indent=2, ensure_ascii=False) + "\n"}, (f"[{row['kind']}]",))]


def quota(row):
    return blanked("benches/cost_and_scale/quotas.json", row["kind"])


def blanked(file, name, *told):
    """The name, wherever it is quoted alone, is another."""
    return without(f"{name} in {file}", file, rf'"{re.escape(name)}"', *told, by='"ablated"', times=None)


# ------------------------------------------------------------------ the templates

URL_IS_ENOUGH = "whoever has its URL may call: it needs no permission"


def parameter(row):
    return parameter_of(row, RELAY)


def parameter_of_role(row):
    return parameter_of(row, ROLE) if row["actions"] else URL_IS_ENOUGH


def parameter_of(row, file):
    return without(row["parameter"], file, rf"^  {row['parameter']}:\n(?:    .*\n)+?(?=  \w)", file, row["parameter"])


def setting(row):
    return without("its entry", RELAY, rf"(!If \[\w+, ){row['kind']},", "RELAY_TARGETS", by=r"\1ablated,")


def permission(row):
    return permission_in(row, RELAY)


def permission_of_role(row):
    return permission_in(row, ROLE)


def permission_in(row, file):
    if not row["actions"]:
        return URL_IS_ENOUGH
    condition = row["parameter"].removeprefix("Enable")
    statement = rf"^( *)- !If\n\1  - {condition}\n\1  - Sid: Fail{condition}\n(?:\1    [^\n]*\n)*\1  - !Ref \"?AWS::NoValue\"?\n"
    return without("its statement", file, statement, file, row["actions"][0])


def generated_for_the_cdk(row):
    return blanked_word("deploy/cdk/src/parameters.ts", row["parameter"])


def generated_for_terraform(row):
    return blanked_word("deploy/terraform/parameters.tf", row["parameter"])


def blanked_word(file, name):
    return without(f"{name} in {file}", file, rf"\b{name}\b", name, by="Ablated", times=None)


# ------------------------------------------------------------------ publishers, the emulator, and whoever judges the relay


def publisher_for_python(row):
    return blanked("publishers/python/src/failure_relay/_kinds.py", row["kind"], "_kinds.py")


def publisher_for_typescript(row):
    return blanked("publishers/typescript/src/target.ts", row["kind"], "target.ts")


def work_of_the_emulator(row):
    return one_of_the_emulators(rf'name: "{row["kind"]}"', 'name: "ablated"', "its work in the emulator", "knows no work of")


def operations_of_the_emulator(row):
    names = [operation["name"] for operation in row["operations"]]
    return [
        ablation
        for name in names
        for ablation in one_of_the_emulators(rf'(Operation::{name},\s*(?:Service::\w+,\s*)?)"{name}"', r'\1"Ablated"', f"{name} of the emulator", name)
    ]


def one_of_the_emulators(pattern, by, what, *told):
    """What stands in one of the emulator's files."""
    files = sorted((ROOT / "crates/aws-emulator/src").glob("*.rs"))
    found = [str(file.relative_to(ROOT)) for file in files if re.search(pattern, file.read_text())]
    if len(found) != 1:
        raise Stale(f"{len(found)} files of the emulator match {pattern!r}")
    return without(what, found[0], pattern, *told, by=by)


def apis_of_the_simulation(row):
    return without("its APIs", STAGE, rf'"kind":"{row["kind"]}"', "APIS lacks", by='"kind":"ablated"', times=None)


def target_of_fuzzing(row):
    return without("its target", FUZZ, rf'"kind":"{row["kind"]}"', "no target is a", by='"kind":"ablated"', times=None)


def limits_of_fuzzing(row):
    names = [operation["name"] for operation in row["operations"]]
    return [ablation for name in names for ablation in without(f"the limits of {name}", FUZZ, rf'(\(\s*)"{name}"', f"the limits of {name}", by=r'\1"Ablated"')]


def word_of_fuzzing(row):
    return without("its name", "fuzz/json.dict", rf'"{row["kind"]}\\?"', "fuzz/json.dict lacks", by='ablated"')


FOUR = "tests/blackbox/harness/events.py"


def is_of_the_four(row):
    return f'"{row["kind"]}"' in re.search(r"^KINDS = \((.*?)\)$", text_of(FOUR), re.M)[1]


def kind_of_the_black_box(row):
    told = "kinds that one side alone knows"
    if is_of_the_four(row):
        return without("its name", FOUR, rf'^(KINDS = .*)"{row["kind"]}"', told, by=r'\1"ablated"')
    return without("its row", "tests/blackbox/harness/kinds.py", rf'^(    Kind\(\s*)"{row["kind"]}"', told, by=r'\1"ablated"')


def request_of_the_black_box(row):
    if is_of_the_four(row):
        return "its requests are cases of test_2_calls.py, each written out"
    return without("what is sent for it", "tests/blackbox/test_10_kinds.py", rf'case "{row["kind"]}":', "is not known", by='case "ablated":')


def answers_of_chaos(row):
    name = row["operations"][0]["name"]
    return [
        Ablation(f"{name} in {table}", {file: replaced(file, rf'(^{table} = \{{[^}}]*?)"{name}"', r'\1"Ablated"')}, (f"{table} has no {name}",))
        for file, table in [("tests/chaos/services.py", "CLOSED"), ("tests/chaos/services.py", "UNKNOWN")]
    ]


def kind_of_the_templates_tests(row):
    return blanked("tests/template/kinds.py", row["kind"], "kinds that one side alone knows")


def resources_of_the_templates_tests(row):
    return blanked("tests/template/test_kinds.py", row["kind"], "kinds that one list alone has")


# ------------------------------------------------------------------ what shows every kind at once


def widgets(kinds):
    """No widget is one kind's: each searches by TargetKind, and so shows whichever there are."""
    text = text_of(RELAY)
    dashboard = text[text.index("DashboardBody:") :]
    if named := [kind for kind in kinds if kind in dashboard]:
        raise Stale(f"the dashboard names {named}: it needs ablations of a kind")
    metrics = re.findall(r"""SEARCH\('\{FailureRelay,TargetKind\} MetricName=\\?"(\w+)""", dashboard)
    if not metrics:
        raise Stale("no widget searches by TargetKind")
    search = r"""\[\{"expression": "SEARCH\('\{FailureRelay,TargetKind\} MetricName=\\"%s\\"'[^\n]*"\}\]"""
    told = "metrics by TargetKind that one side alone has"
    return [
        ablation
        for name in metrics
        for ablation in without(f"{name} by TargetKind", RELAY, search % name, told, name, by=f'["FailureRelay", "{name}"]')
    ]


SORTS = [
    Sort("error table", "core", errors),
    Sort("limit of a member", "core", limits_of_members),
    Sort("limit of a text", "core", limits_of_texts),
    Sort("secret flag", "core", secrets),
    Sort("reference", "core", row_of_reference, called=variant_of),
    Sort("shape that workers get", "notices", shape),
    Sort("event", "contributor", event),
    Sort("event that is refused", "contributor", unroutable_event),
    Sort("record in the batch of all", "contributor", event_of_the_batch),
    Sort("line in events/README.md", "events", line_of_event),
    Sort("row of README.md", "contributor", row_of_readme),
    Sort("member in README.md", "contributor", member_in_readme),
    Sort("line of the runbook", "contributor", line_of_runbook),
    Sort("branch of the schema", "schema", branch_of_schema),
    Sort("quota", "quotas", quota),
    Sort("parameter", "contributor", parameter),
    Sort("entry in RELAY_TARGETS", "contributor", setting),
    Sort("permission", "contributor", permission),
    Sort("parameter in another account", "contributor", parameter_of_role),
    Sort("permission in another account", "contributor", permission_of_role),
    Sort("parameter of the CDK", "generated", generated_for_the_cdk),
    Sort("parameter of Terraform", "generated", generated_for_terraform),
    Sort("publisher for Python", "contributor", publisher_for_python),
    Sort("publisher for TypeScript", "contributor", publisher_for_typescript),
    Sort("emulator's work", "stage", work_of_the_emulator),
    Sort("emulator's operation", "stage", operations_of_the_emulator),
    Sort("simulation", "stage", apis_of_the_simulation),
    Sort("fuzzing: target", "fuzzing", target_of_fuzzing),
    Sort("fuzzing: limits", "fuzzing", limits_of_fuzzing),
    Sort("fuzzing: word", "fuzzing", word_of_fuzzing),
    Sort("black box: kind", "black box", kind_of_the_black_box),
    Sort("black box: request", "black box", request_of_the_black_box),
    Sort("chaos: answers", "chaos", answers_of_chaos),
    Sort("templates' tests: kind", "templates", kind_of_the_templates_tests),
    Sort("templates' tests: resources", "templates", resources_of_the_templates_tests),
]

OF_ALL_KINDS = [Sort("widgets", "dashboard", widgets, called=lambda kinds: "")]
