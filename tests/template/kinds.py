"""The kinds of target as the templates must have them: written here once more, and not read from the relay's code."""

import json
import os
import subprocess
from dataclasses import dataclass

from cloudformation import ROOT


@dataclass(frozen=True)
class Kind:
    name: str
    parameter: str  # of the templates, which enables it
    is_on_by_default: bool
    actions: tuple[str, ...]  # of IAM; none where the request is a presigned URL

    def __str__(self):
        return self.name


def _on(name, parameter, *actions):
    return Kind(name, parameter, True, actions)


def _off(name, parameter, *actions):
    return Kind(name, parameter, False, actions)


KINDS = [
    _on("codepipeline-job", "EnableCodePipelineJobs", "codepipeline:PutJobFailureResult"),
    _on("codepipeline-third-party-job", "EnableCodePipelineThirdPartyJobs", "codepipeline:PutThirdPartyJobFailureResult"),
    _on("step-functions-task", "EnableStepFunctionsTasks", "states:SendTaskFailure"),
    _on("swf-activity-task", "EnableSwfActivityTasks", "swf:RespondActivityTaskFailed"),
    _off("lambda-durable-callback", "EnableLambdaDurableCallbacks", "lambda:SendDurableExecutionCallbackFailure"),
    _off("cloudformation-custom-resource", "EnableCloudFormationCustomResources"),
    _off("cloudformation-wait-condition", "EnableCloudFormationWaitConditions"),
    _off("sagemaker-pipeline-step", "EnableSageMakerPipelineSteps", "sagemaker:SendPipelineExecutionStepFailure"),
    _off("auto-scaling-lifecycle-action", "EnableAutoScalingLifecycleActions", "autoscaling:CompleteLifecycleAction"),
    _off("codedeploy-lifecycle-hook", "EnableCodeDeployLifecycleHooks", "codedeploy:PutLifecycleEventHookExecutionStatus"),
    _off("codepipeline-approval", "EnableCodePipelineApprovals", "codepipeline:PutApprovalResult"),
    _off("image-builder-workflow-step", "EnableImageBuilderWorkflowSteps", "imagebuilder:SendWorkflowStepAction"),
    _off(
        "service-catalog-engine-workflow",
        "EnableServiceCatalogEngineWorkflows",
        "servicecatalog:NotifyProvisionProductEngineWorkflowResult",
        "servicecatalog:NotifyUpdateProvisionedProductEngineWorkflowResult",
        "servicecatalog:NotifyTerminateProvisionedProductEngineWorkflowResult",
    ),
    _off("ecs-deployment-hook", "EnableEcsDeploymentHooks", "ecs:ContinueServiceDeployment"),
]
SIGNED = [kind for kind in KINDS if kind.actions]
EVERY_KIND_ON = {kind.parameter: "true" for kind in KINDS}


def names_of_the_relay():
    """Which kinds the relay has, in its order: nothing else is taken from it."""
    relayctl = os.environ.get("RELAYCTL") or str(ROOT / "target/debug/relayctl")
    printed = subprocess.run([relayctl, "kinds", "--json"], capture_output=True, text=True, check=True)
    return [json.loads(line)["kind"] for line in printed.stdout.splitlines()]
