"""The command line of tests/aws/run: who is asked, what is refused, and the order in which it goes.

Exit codes: 0 every scenario that was tried passed and nothing is left, 1 one did not or something is left, 2 refused.
"""

import argparse
import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import BotoCoreError, ClientError

import leftovers
from report import Recorder, Report

ROOT = Path(__file__).parents[2]
E2E = ROOT / "tests/e2e"
sys.path.insert(0, str(E2E))
LOCALSTACK_ACCOUNT = "000000000000"


class Refused(Exception):
    """Nothing was asked of the account but who the caller is."""


def arguments_of(command_line):
    parser = argparse.ArgumentParser(
        prog="tests/aws/run",
        description="Tries the relay in an AWS account, and deletes all that it made there.",
        epilog="The credentials are those of the AWS CLI: AWS_PROFILE and so on. Exit codes: 0 passed, 1 failed or something is left, 2 refused.",
    )
    parser.add_argument("--account", metavar="ID", help="the account that the credentials must be of")
    parser.add_argument("--region", help="where (default: that of the credentials)")
    parser.add_argument("-k", "--only", metavar="EXPRESSION", help="the scenarios that pytest's -k chooses")
    parser.add_argument("--parameter", metavar="NAME=VALUE", action="append", default=[], help="of every relay that is deployed, such as PermissionsBoundaryArn=…")
    parser.add_argument("--report", metavar="FILE", type=Path, help="the report as a file, too")
    parser.add_argument("--keep", action="store_true", help="delete nothing at the end; --clean does so later")
    parser.add_argument("--clean", metavar="RUN", nargs="?", const="", help="only delete what earlier runs, or that one, have left; those that still run count")
    parser.add_argument("--localstack", metavar="URL", nargs="?", const="", help="in LocalStack: the one at the URL, or one that is started")
    return parser.parse_args(command_line)


# ---------------------------------------------------------------- refusals


def asked_account(options):
    account = options.account or (LOCALSTACK_ACCOUNT if options.localstack is not None else None)
    if account is None:
        raise Refused("name the account with --account: the relay is deployed there, and deleted again")
    if not re.fullmatch("[0-9]{12}", account):
        raise Refused(f"--account {account}: an account's id has 12 digits")
    return account


def no_endpoint_of_others(options):
    if options.localstack is None and (names := [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]):
        raise Refused(f"{', '.join(names)} names an endpoint that may not be AWS's: unset it")


def parameters_of(options):
    pairs = [parameter.partition("=") for parameter in options.parameter]
    if wrong := [name for name, sign, _ in pairs if not (name and sign)]:
        raise Refused(f"--parameter {wrong[0]}: give it as NAME=VALUE")
    return {name: value for name, _, value in pairs}


def no_other_name(options):
    if options.clean and not leftovers.is_run(options.clean):
        raise Refused(f"--clean {options.clean}: a run is called {leftovers.PREFIX} and eight hex digits")


def held_account(session):
    try:
        return session.client("sts").get_caller_identity()["Account"]
    except (ClientError, BotoCoreError) as error:
        raise Refused(f"who the caller is could not be asked: {error}") from error


def refuse_other_account(session, account):
    if (held := held_account(session)) != account:
        raise Refused(f"--account {account}, but the credentials are those of account {held}")


# ---------------------------------------------------------------- the order


def empty(state):
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)


@contextlib.contextmanager
def localstack(options, state):
    """Sets what makes the AWS SDKs ask LocalStack, where it was asked for."""
    if options.localstack is None:
        yield
        return
    with contextlib.ExitStack() as running:
        region = options.region or "eu-west-1"
        # What the scenarios' modules read when they are imported, which starting LocalStack does.
        os.environ |= {"E2E_REGION": region, "E2E_PATIENCE": os.environ.get("E2E_PATIENCE", "2"), "E2E_PAUSE_SECONDS": "0.3"}
        url = options.localstack or start_localstack(running, state)
        for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
            del os.environ[name]
        os.environ |= {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": LOCALSTACK_ACCOUNT,  # LocalStack's way to name an account
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": region,
            "E2E_LOCALSTACK": "1",
        }
        yield


def start_localstack(running, state):
    from localstack_host import LocalStack

    # The embedded endpoint answers for CodePipeline, which LocalStack does not have.
    played = start_endpoint(running, state)
    started = LocalStack(state / "localstack", function_env={"AWS_ENDPOINT_URL_CODEPIPELINE": played})
    running.callback(started.stop)
    return started.url


def start_endpoint(running, state):
    from code_pipeline import CodePipeline

    build_relayctl()
    endpoint = CodePipeline(os.environ["E2E_RELAYCTL"], state / "codepipeline")
    running.callback(endpoint.stop)
    return endpoint.url


def build_relayctl():
    if not os.environ.get("E2E_RELAYCTL"):
        subprocess.run(["cargo", "build", "--quiet", "--package", "relayctl"], cwd=ROOT, check=True)
        os.environ["E2E_RELAYCTL"] = str(Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/relayctl")


def build(state):
    build_relayctl()
    if not os.environ.get("E2E_BUILD"):
        os.environ["E2E_BUILD"] = str(state / "build")
        subprocess.run([E2E / "build", os.environ["E2E_BUILD"]], check=True)
    os.environ["E2E_TEMPLATE"] = os.environ["E2E_BUILD"] + "/template.yaml"


def prepare(session, run, account, state, parameters):
    """The bucket for the functions, which is a run's own, so that none that others use is touched; and what the scenarios read."""
    bucket = f"{run}-{account}"
    where = {} if session.region_name == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": session.region_name}}
    session.client("s3").create_bucket(Bucket=bucket, **where)
    ours = (ROOT / "samconfig.toml").read_text().replace("resolve_s3 = true", f's3_bucket = "{bucket}"')
    assert bucket in ours and "resolve_s3" not in ours, "samconfig.toml chooses its bucket in words that this does not know"
    (state / "samconfig.toml").write_text(ours)
    os.environ |= {
        "E2E_STAND": "account_stand",
        "E2E_RUN": run,
        "E2E_REGION": session.region_name,
        "E2E_SAMCONFIG": str(state / "samconfig.toml"),
        "E2E_PARAMETERS": json.dumps(parameters),
        "E2E_PATIENCE": os.environ.get("E2E_PATIENCE", "4"),
        "E2E_PAUSE_SECONDS": os.environ.get("E2E_PAUSE_SECONDS", "1"),
    }


def try_scenarios(options, recorder):
    chosen = ["-k", options.only] if options.only else []
    paths = [str(E2E), str(ROOT / "tests/aws"), f"--ignore={ROOT / 'tests/aws/offline'}"]
    return pytest.main(["-p", "no:cacheprovider", "--tb=short", "-q", *paths, *chosen], plugins=[recorder])


def tell(line):
    """On standard error, which may be gone: Ctrl-C ends what it was piped to as well, and the deletion must go on."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


def clean(session, run):
    """Deletes, and does so to its end: whoever interrupts it is told how to go on."""
    try:
        return leftovers.delete_all(session.client, leftovers.ours(run), tell)
    except KeyboardInterrupt:
        return leftovers.Deletion({}, ["it was interrupted while it deleted: run it again with --clean"])


def try_all(options, session, account, state, parameters):
    run = f"{leftovers.PREFIX}{secrets.token_hex(4)}"
    print(f"Run {run} in account {account}, region {session.region_name}", flush=True)
    recorder, failed = Recorder(), True
    report = Report(account, session.region_name, run, "LocalStack" if "E2E_LOCALSTACK" in os.environ else "AWS")
    try:
        build(state)
        prepare(session, run, account, state, parameters)
        failed = try_scenarios(options, recorder) != pytest.ExitCode.OK
    except KeyboardInterrupt:
        tell("interrupted")
    finally:
        deletion = None if options.keep else clean(session, run)
        text = report.text(recorder.scenarios.values(), deletion)
        if options.report:
            options.report.write_text(text)
        with contextlib.suppress(OSError):
            print(f"\n{text}", end="", flush=True)
    return 1 if failed or (deletion and deletion.left) else 0


def only_clean(options, session):
    deletion = clean(session, options.clean)
    for name, count in deletion.deleted.items():
        print(f"deleted: {count} {name}")
    print("\n".join(f"still there: {left}" for left in deletion.left) or "nothing is left")
    return 1 if deletion.left else 0


def main(command_line):
    options = arguments_of(command_line)
    state = Path(os.environ["E2E_STATE"])
    try:
        account, parameters = asked_account(options), parameters_of(options)
        no_endpoint_of_others(options)
        no_other_name(options)
        empty(state)
        os.environ["E2E_ACCOUNT"] = account
        with localstack(options, state):
            session = boto3.Session(region_name=options.region)
            if session.region_name is None:
                raise Refused("name the region with --region")
            refuse_other_account(session, account)
            return only_clean(options, session) if options.clean is not None else try_all(options, session, account, state, parameters)
    except Refused as refused:
        print(f"refused: {refused}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    # One that is told to end deletes what it made, as with Ctrl-C; which a shell lets those ignore that it starts in the background.
    for told_to_end in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(told_to_end, signal.default_int_handler)
    os.chdir(ROOT)
    sys.exit(main(sys.argv[1:]))
