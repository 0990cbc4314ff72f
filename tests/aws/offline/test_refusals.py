"""tests/aws/run deploys nothing before it knows that it is where it was told to be."""

import leftovers

OTHER = "111122223333"


def refusal(answer):
    code, out, err = answer
    assert (code, out) == (2, ""), err
    return err


def test_without_an_account_it_refuses(trial):
    assert "name the account with --account" in refusal(trial())


def test_an_account_has_twelve_digits(trial):
    assert "12 digits" in refusal(trial("--account", "sandbox"))


def test_without_credentials_it_refuses(trial):
    assert "Unable to locate credentials" in refusal(trial("--account", OTHER, "--region", "eu-west-1"))


def test_without_a_region_it_refuses(trial):
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    assert "name the region" in refusal(trial("--account", OTHER, **keys))


def test_an_endpoint_that_is_not_of_aws_is_refused(trial, localstack):
    assert "AWS_ENDPOINT_URL" in refusal(trial("--account", OTHER, AWS_ENDPOINT_URL=localstack.url))


def test_a_parameter_without_a_value_is_refused(trial, localstack):
    assert "NAME=VALUE" in refusal(trial("--localstack", localstack.url, "--parameter", "RolePath"))


def test_what_is_no_runs_cannot_be_cleaned(trial, localstack):
    assert "eight hex digits" in refusal(trial("--localstack", localstack.url, "--clean", "failure-relay"))


def test_credentials_of_another_account_are_refused_and_nothing_is_made(trial, localstack, client):
    for more in ([], ["--clean"]):
        said = refusal(trial("--localstack", localstack.url, "--account", OTHER, *more))
        assert f"--account {OTHER}, but the credentials are those of account 000000000000" in said
    assert leftovers.look(client, leftovers.ours()) == ([], [])
