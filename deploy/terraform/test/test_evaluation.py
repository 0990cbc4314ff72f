"""What Terraform makes of the variables, where there is Terraform: its format, the parameters, and what it refuses.

No provider is needed for that, and none is fetched: the resources are left out.
"""

import json
import os
import shutil
import subprocess

import pytest

from cloudformation import ROOT

MODULE = ROOT / "deploy/terraform"
ENVIRONMENT = {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull}
DEPLOYMENT = {"packaged_template": "packaged.yaml", "template_bucket": "artifacts"}

pytestmark = pytest.mark.skipif(not shutil.which("terraform"), reason="terraform is not on PATH")


def terraform(folder, *arguments):
    return subprocess.run(["terraform", *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)


@pytest.fixture
def evaluate(tmp_path):
    for name in ("variables.tf", "parameters.tf"):
        shutil.copy(MODULE / name, tmp_path)
    (tmp_path / "given.tf").write_text('output "given" { value = local.parameters }\n')

    def run(**variables):
        (tmp_path / "terraform.tfvars.json").write_text(json.dumps(DEPLOYMENT | variables))
        return terraform(tmp_path, "apply", "-auto-approve", "-input=false", "-no-color"), tmp_path

    return run


def parameters(result):
    done, folder = result
    assert done.returncode == 0, done.stderr
    return json.loads(terraform(folder, "output", "-json", "given").stdout)


def test_the_files_are_formatted():
    done = terraform(MODULE, "fmt", "-check", "-diff", "-recursive")
    assert done.returncode == 0, done.stdout


def test_what_is_not_given_is_left_to_the_template(evaluate):
    assert parameters(evaluate()) == {}


def test_each_value_reaches_its_parameter_as_cloudformation_writes_it(evaluate):
    given = parameters(evaluate(leases=True, enable_swf_activity_tasks=False, maximum_concurrency=20, log_level="DEBUG",
                                vpc_subnet_ids=["subnet-01", "subnet-02"], vpc_security_group_ids=[]))  # fmt: skip
    assert given == {"Leases": "true", "EnableSwfActivityTasks": "false", "MaximumConcurrency": "20", "LogLevel": "DEBUG",
                     "VpcSubnetIds": "subnet-01,subnet-02", "VpcSecurityGroupIds": ""}  # fmt: skip


@pytest.mark.parametrize("name, value", [
    ("maximum_concurrency", 1), ("maximum_concurrency", 1001), ("log_level", "TRACE"), ("log_retention_days", 2),
    ("sweep_schedule", "hourly"), ("allowed_regions", ["Frankfurt"]), ("swf_domain", "a/b"),
])  # fmt: skip
def test_what_the_template_does_not_allow_is_refused(evaluate, name, value):
    done, _ = evaluate(**{name: value})
    assert done.returncode == 1
    assert f"var.{name} is" in done.stderr
