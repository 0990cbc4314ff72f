"""What deploy/generate wrote for the CDK and Terraform is what the template says today."""

import subprocess
import sys

from cloudformation import ROOT
from kinds import KINDS


def test_the_packages_for_the_cdk_and_terraform_have_the_parameters_and_outputs_of_the_template():
    done = subprocess.run([sys.executable, ROOT / "deploy/generate", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_packages_for_the_cdk_and_terraform_have_the_parameter_of_each_kind():
    packages = {file: (ROOT / file).read_text() for file in ("deploy/cdk/src/parameters.ts", "deploy/terraform/parameters.tf")}
    lacking = [f"{file} has no {kind.parameter} of {kind}" for file, text in packages.items() for kind in KINDS if kind.parameter not in text]
    assert not lacking
