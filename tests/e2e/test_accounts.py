"""Two accounts and two regions: the role of deploy/cross-account-role.yaml and the allow-lists."""

import pytest

from cloud import OTHER_ACCOUNT, OTHER_REGION, REGION, RELAY_ACCOUNT, attributes_of


@pytest.mark.parametrize(
    "account, region",
    [(RELAY_ACCOUNT, OTHER_REGION), (OTHER_ACCOUNT, REGION), (OTHER_ACCOUNT, OTHER_REGION)],
)
def test_a_task_in_another_place_is_failed_there(cloud, relay, role_of_the_other_account, account, region):
    execution, token = cloud.activity_execution(account, region)
    relay.publish(
        {
            "target": {"kind": "step-functions-task", "taskToken": token, "region": region, "account": account},
            "failure": {"type": "Far.Away", "message": f"{account} {region}"},
        }
    )
    end = cloud.end_of(execution)
    assert (end["status"], end["error"], end["cause"]) == ("FAILED", "Far.Away", f"{account} {region}")


@pytest.mark.parametrize("place", [{"region": "ap-southeast-2"}, {"account": "999999999999"}])
def test_a_place_that_is_not_allowed_is_a_dead_letter(cloud, relay, place):
    execution, token = cloud.activity_execution()
    relay.publish({"target": {"kind": "step-functions-task", "taskToken": token, **place}})
    letter = relay.dead_letter(lambda message: token in message["Body"])
    assert attributes_of(letter)["ERROR_CODE"] == "TARGET_NOT_ALLOWED"
    assert token not in attributes_of(letter)["ERROR_MESSAGE"]
    assert cloud.running(execution)


def test_the_role_is_the_one_that_the_relay_asks_for(role_of_the_other_account):
    assert role_of_the_other_account == f"arn:aws:iam::{OTHER_ACCOUNT}:role/failure-relay-target"
