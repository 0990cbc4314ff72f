"""What template.yaml and deploy/cross-account-role.yaml must say, beside what the linters know."""

import json
import math
import re
import tomllib

import pytest

from cloudformation import ROOT, Template
from kinds import EVERY_KIND_ON, KINDS, SIGNED

RELAY = "template.yaml"
ROLE = "deploy/cross-account-role.yaml"

METRICS = {"Relayed", "AlreadySettled", "DeadLettered", "Retried", "Parked", "Ignored", "Truncated", "ReportAge"}
LOG_MEMBERS = {
    "@timestamp", "outcome", "target_kind", "target_fingerprint", "event_id", "source", "record_id", "receives",
    "duration_ms", "age_ms", "error_code", "error_message", "service_error", "publisher", "trace_id",
}  # fmt: skip
OUTCOMES = {"relayed", "already-settled", "dead-lettered", "ignored", "parked", "retry"}
QUEUES = {"Queue", "DeadLetterQueue", "ParkingQueue"}
QUEUE_ARNS = [f"arn:aws:sqs:eu-west-1:111111111111:worker-{n}" for n in range(1, 7)]

EVERYTHING_ON = EVERY_KIND_ON | {
    "StepFunctionsArns": "arn:aws:states:eu-west-1:111111111111:stateMachine:one",
    "AllowedRegions": "us-east-1,eu-central-1",
    "AllowedAccounts": "222222222222,333333333333",
    "PublisherAccounts": "444444444444,555555555555",
    "PublisherOrganizationId": "o-abcdefghij",
    "PublisherTopicArn": "arn:aws:sns:eu-west-1:111111111111:failures",
    "LambdaNotices": "true",
    "LambdaFunctionPrefixes": "one-,two-,three-",
    "EcsTaskNotices": "true",
    "EcsClusterPrefixes": "one-,two-,three-",
    "BatchJobNotices": "true",
    "BatchQueuePrefixes": "one-,two-,three-",
    "CodeBuildNotices": "true",
    "CodeBuildProjectPrefixes": "one-,two-,three-",
    "StepFunctionsNotices": "true",
    "StateMachinePrefixes": "one-,two-,three-",
    "GlueJobNotices": "true",
    "SageMakerJobNotices": "true",
    "EmrStepNotices": "true",
    "EmrServerlessJobNotices": "true",
    "Ec2InstanceNotices": "true",
    "SsmCommandNotices": "true",
    "BedrockJobNotices": "true",
    "TaskTokenNames": "MY_TOKEN,/deep/token",
    "AbandonedWorkQueueArns": ",".join(QUEUE_ARNS[:5]),
    "LogTail": 20,
    "LogTailGroups": "/one,/two/*,/three",
    "EventIdInText": "true",
    "Leases": "true",
    "Sweep": "fail",
    "SweepStateMachineArns": "arn:aws:states:eu-west-1:111111111111:stateMachine:one-*",
    "SweepSchedule": "rate(1 hour)",
    "QueueEncryption": "KMS",
    "PreviousKmsKeyArns": "arn:aws:kms:eu-west-1:111111111111:key/0",
    "PermissionsBoundaryArn": "arn:aws:iam::111111111111:policy/boundary",
    "RolePath": "/workers/",
    "LogKmsKeyArn": "arn:aws:kms:eu-west-1:111111111111:key/9",
    "VpcSubnetIds": "subnet-01234567,subnet-89abcdef",
    "VpcSecurityGroupIds": "sg-01234567",
    "AdditionalKmsKeyArns": "arn:aws:kms:eu-west-1:111111111111:key/1",
    "AlarmTopicArn": "arn:aws:sns:eu-west-1:111111111111:alarms",
    "AlarmEmail": "someone@example.com",
    "Canary": "true",
    "CanaryMinutes": "15",
}


def statements(template, resource):
    return template.resources()[resource]["PolicyDocument"]["Statement"]


def as_list(it):
    return it if isinstance(it, list) else [it]


# ------------------------------------------------------------------ queues and the function


def test_a_batch_in_work_is_not_given_out_again():
    template = Template(RELAY)
    queue = template.resources()["Queue"]
    timeout = template.resources()["RelayFunction"]["Timeout"]
    window = template.resources()["QueueMapping"]["MaximumBatchingWindowInSeconds"]
    assert queue["VisibilityTimeout"] >= 6 * timeout + window
    # A mapping is refused where the queue's visibility time-out is below the function's; a queue has 30 s by default.
    assert timeout <= 30


def retries():
    """Mean and standard deviation, in seconds, of the time that all receives of the queue take."""
    template = Template(RELAY)
    base = int(template.parameters["RetryBaseSeconds"])
    cap = int(template.parameters["RetryCapSeconds"])
    receives = template.resources()["Queue"]["RedrivePolicy"]["maxReceiveCount"]
    mean = variance = 0.0
    for n in range(1, receives + 1):
        longest = min(cap, base * 2 ** (n - 1))  # the wait is uniform from 1 s to this
        mean += (1 + longest) / 2
        variance += (longest - 1) ** 2 / 12
    return mean, math.sqrt(variance)


def test_a_target_that_is_down_for_four_days_loses_nothing_by_default():
    mean, deviation = retries()
    assert mean - 6 * deviation > 4 * 86_400
    assert Template(RELAY).parameters["MaxReceives"] == "0"


def test_a_parked_failure_is_tried_for_four_days_by_default():
    assert int(Template(RELAY).defaults["ParkedSecondsMax"]) >= 4 * 86_400


def test_a_message_outlives_its_retries_and_the_dead_letter_leaves_a_week_to_act():
    mean, deviation = retries()
    queue, dead = (Template(RELAY).resources()[n] for n in ("Queue", "DeadLetterQueue"))
    assert queue["MessageRetentionPeriod"] > mean + 6 * deviation
    # SQS counts the age of a redriven message from its first sending.
    assert dead["MessageRetentionPeriod"] - (mean + 6 * deviation) > 7 * 86_400


def test_the_comment_on_the_receive_count_has_the_right_sum():
    mean, deviation = retries()
    assert f"= {mean:,.0f} s = {mean / 86_400:.1f} days" in Template(RELAY).text
    assert f"{deviation / 3600:.1f} hours" in Template(RELAY).text


def test_sqs_accepts_the_numbers():
    queue = Template(RELAY).resources()["Queue"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] <= 1000
    assert queue["MessageRetentionPeriod"] <= 1_209_600


@pytest.mark.parametrize("parameters", [{}, EVERYTHING_ON, {"QueueEncryption": "KMS", "KmsKeyArn": "arn:aws:kms:r:1:key/2"}])
def test_every_queue_is_encrypted_in_one_way(parameters):
    template = Template(RELAY, **parameters)
    queues = template.resources("AWS::SQS::Queue")
    assert set(queues) == QUEUES
    for queue in queues.values():
        # Said in both cases: where it is left out, SQS keeps what it had, or turns it on.
        assert queue["SqsManagedSseEnabled"] is not ("KmsMasterKeyId" in queue)
        if parameters:
            assert queue["KmsMasterKeyId"] == parameters.get("KmsKeyArn", "<Key.Arn>")
    assert ("Key" in template.resources()) == (parameters == EVERYTHING_ON)


def test_every_mapping_reports_each_record():
    mappings = Template(RELAY, **EVERYTHING_ON).resources("AWS::Lambda::EventSourceMapping")
    assert len(mappings) == 7
    for name, mapping in mappings.items():
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name


@pytest.mark.parametrize("number", range(6))
def test_each_abandoned_work_queue_has_one_mapping(number):
    arns = QUEUE_ARNS[:number]
    template = Template(RELAY, AbandonedWorkQueueArns=",".join(arns))
    mappings = template.resources("AWS::Lambda::EventSourceMapping")
    assert [m["EventSourceArn"] for n, m in mappings.items() if n.startswith("AbandonedWork")] == arns
    granted = [s["Resource"] for s in statements(template, "RelayPolicy") if s["Sid"] == "ConsumeAbandonedWork"]
    assert granted == ([arns] if arns else [])


@pytest.mark.parametrize("name", [n for n, p in Template(RELAY).raw["Parameters"].items() if "AllowedPattern" in p])
def test_patterns_of_parameters_take_what_they_should(name):
    pattern = re.compile(Template(RELAY).raw["Parameters"][name]["AllowedPattern"])
    assert pattern.fullmatch(Template(RELAY).defaults[name])
    if name in EVERYTHING_ON:
        assert pattern.fullmatch(EVERYTHING_ON[name])
        assert not pattern.fullmatch(EVERYTHING_ON[name] + ", ")


def test_a_sixth_abandoned_work_queue_is_refused():
    pattern = Template(RELAY).raw["Parameters"]["AbandonedWorkQueueArns"]["AllowedPattern"]
    assert re.fullmatch(pattern, ",".join(QUEUE_ARNS[:5]))
    assert not re.fullmatch(pattern, ",".join(QUEUE_ARNS))


# ------------------------------------------------------------------ settings


def test_every_setting_of_the_relay_is_a_parameter():
    for function, file in (("RelayFunction", "src/settings.rs"), ("WatchFunction", "crates/failure-watch/src/settings.rs")):
        known = set(re.findall(r"\bRELAY_[A-Z_]+", (ROOT / file).read_text()))
        given = set(Template(RELAY, **EVERYTHING_ON).resources()[function]["Environment"]["Variables"])
        assert known == given, function


def test_every_setting_follows_its_parameter():
    changed = EVERYTHING_ON | {
        "EnableSwfActivityTasks": "false",
        "RoleName": "other",
        "MaxReceives": 7,
        "EventConcurrency": 3,
        "RetryBaseSeconds": 2,
        "RetryCapSeconds": 60,
        "ParkAfter": 5,
        "ParkedSecondsMax": 86400,
    }
    before, after = (
        Template(RELAY, **p).resources()["RelayFunction"]["Environment"]["Variables"] for p in ({}, changed)
    )
    same = {name for name in after if before.get(name) == after[name]}
    assert same == {"RELAY_DEAD_LETTER_QUEUE_URL", "RELAY_PARKING_QUEUE_URL"}


def test_trace_level_at_which_the_relay_writes_nothing_is_not_offered():
    assert "TRACE" not in Template(RELAY).raw["Parameters"]["LogLevel"]["AllowedValues"]


def test_parameters_are_all_in_a_group_and_described():
    raw = Template(RELAY).raw
    groups = raw["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [p for g in groups for p in g["Parameters"]]
    assert sorted(grouped) == sorted(raw["Parameters"])
    assert all(p["Description"] for p in raw["Parameters"].values())


def test_samconfig_uses_parameters_that_are_there():
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    for environment in (v for v in config.values() if isinstance(v, dict)):
        for section in environment.values():
            for pair in section["parameters"].get("parameter_overrides", "").split():
                name, value = pair.split("=")
                assert value in Template(RELAY).raw["Parameters"][name]["AllowedValues"]


# ------------------------------------------------------------------ permissions


def test_the_relay_may_do_no_more_than_its_work():
    template = Template(RELAY, **EVERY_KIND_ON)
    policies = statements(template, "RelayPolicy") + statements(template, "TargetsPolicy")
    allowed = {a for s in policies for a in as_list(s["Action"])}
    assert allowed == {action for kind in KINDS for action in kind.actions} | {
        "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility",
        "sqs:SendMessage", "logs:CreateLogStream", "logs:PutLogEvents",
        "xray:PutTraceSegments", "xray:PutTelemetryRecords",
    }  # fmt: skip


@pytest.mark.parametrize("parameters", [{}, EVERYTHING_ON])
def test_everything_is_granted_only_where_the_action_knows_no_resource(parameters):
    for statement in statements(Template(RELAY, **parameters), "RelayPolicy"):
        if "*" in as_list(statement["Resource"]):
            assert statement["Effect"] == "Deny" or {a.split(":")[0] for a in as_list(statement["Action"])} <= {
                "xray", "ec2", "ecs",
            }
    for statement in statements(Template(RELAY, **parameters), "PublisherPolicy"):
        assert "*" not in as_list(statement["Resource"])


def test_targets_are_held_to_the_allowed_regions():
    for regions, expected in (("", ["eu-west-1"]), ("us-east-1,eu-central-1", ["eu-west-1", "us-east-1", "eu-central-1"])):
        held = statements(Template(RELAY, AllowedRegions=regions, **EVERY_KIND_ON), "TargetsPolicy")
        assert len(held) == len(SIGNED)
        for statement in held:
            assert statement["Condition"]["StringEquals"]["aws:RequestedRegion"] == expected


def test_roles_are_assumed_only_in_allowed_accounts():
    assert not [s for s in statements(Template(RELAY), "RelayPolicy") if "sts" in str(s["Action"])]
    (statement,) = [
        s
        for s in statements(Template(RELAY, AllowedAccounts="222222222222,333333333333"), "RelayPolicy")
        if s["Action"] == "sts:AssumeRole"
    ]
    assert statement["Resource"] == "arn:aws:iam::*:role/failure-relay-target"
    assert statement["Condition"]["StringEquals"]["aws:ResourceAccount"] == ["222222222222", "333333333333"]


def test_the_role_of_another_account_trusts_the_relay_alone():
    arn = "arn:aws:iam::111111111111:role/relay"
    for organization in ("", "o-abcdefghij"):
        role = Template(ROLE, RelayRoleArn=arn, AllowedRegions="eu-west-1", RelayOrganizationId=organization)
        (trust,) = role.resources()["Role"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"AWS": arn}
        expected = {"StringEquals": {"aws:PrincipalOrgID": organization}} if organization else None
        assert trust.get("Condition") == expected


def test_the_two_templates_agree_on_the_role_name():
    assert Template(RELAY).defaults["RoleName"] == Template(ROLE).defaults["RoleName"]


def test_by_default_no_other_account_may_publish():
    for policy in ("QueuePolicy", "DeadLetterQueuePolicy"):
        allowed = [s for s in statements(Template(RELAY), policy) if s["Effect"] == "Allow"]
        assert [s["Principal"] for s in allowed] == [{"Service": "events.amazonaws.com"}]
        assert all("aws:SourceArn" in s["Condition"]["ArnEquals"] for s in allowed)
    assert not Template(RELAY).resources("AWS::Events::EventBusPolicy")


def test_nobody_is_let_in_without_a_condition():
    template = Template(RELAY, **EVERYTHING_ON)
    policies = [*statements(template, "QueuePolicy"), *statements(template, "DeadLetterQueuePolicy")]
    policies += [p["Statement"] for p in template.resources("AWS::Events::EventBusPolicy").values()]
    policies += template.resources()["Key"]["KeyPolicy"]["Statement"]
    for statement in policies:
        if statement["Effect"] == "Allow" and statement["Principal"] in ("*", {"AWS": "*"}):
            assert statement["Condition"]["StringEquals"]["aws:PrincipalOrgID"] == "o-abcdefghij"


def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue():
    template = Template(RELAY, **EVERYTHING_ON)
    rules = template.resources("AWS::Events::Rule")
    rules = {name: rule for name, rule in rules.items() if "EventPattern" in rule}
    assert len(rules) == 13
    for name, rule in rules.items():
        (target,) = rule["Targets"]
        assert target["DeadLetterConfig"]["Arn"] == "<DeadLetterQueue.Arn>", name
        for policy in ("QueuePolicy", "DeadLetterQueuePolicy"):
            (sources,) = [
                s["Condition"]["ArnEquals"]["aws:SourceArn"]
                for s in statements(template, policy)
                if s["Sid"] == "RulesOfThisStack"
            ]
            assert f"<{name}.Arn>" in sources
    assert template.resources()["TopicSubscription"]["RedrivePolicy"]["deadLetterTargetArn"] == "<DeadLetterQueue.Arn>"
    assert template.resources()["RelayFunction"]["DeadLetterQueue"]["TargetArn"] == "<DeadLetterQueue.Arn>"


def test_what_lambda_tries_at_creation_waits_for_the_permission():
    raw = Template(RELAY).raw["Resources"]
    for name, resource in raw.items():
        if resource["Type"] in ("AWS::Serverless::Function", "AWS::Lambda::EventSourceMapping"):
            assert resource["DependsOn"] == ("WatchPolicy" if name == "WatchFunction" else "RelayPolicy"), name


# ------------------------------------------------------------------ notices


def test_notices_are_off_by_default():
    rules = Template(RELAY).resources("AWS::Events::Rule")
    assert {n for n, r in rules.items() if r.get("State", "ENABLED") == "ENABLED"} == {"FailureRule"}
    on = Template(RELAY, **EVERYTHING_ON).resources("AWS::Events::Rule")
    assert all(r.get("State", "ENABLED") == "ENABLED" for r in on.values())


def test_names_of_more_tokens_are_part_of_the_patterns():
    for names, expected in (("", 10), ("MY_TOKEN,OTHER", 12)):
        rules = Template(RELAY, TaskTokenNames=names).resources("AWS::Events::Rule")
        ecs, build = (rules[n]["EventPattern"]["detail"]["$or"][0] for n in ("EcsNoticeRule", "CodeBuildNoticeRule"))
        ecs = ecs["overrides"]["containerOverrides"]["environment"]["name"]
        assert ecs == build["additional-information"]["environment"]["environment-variables"]["name"]
        assert len(ecs) == expected
        assert all(ecs)


def test_patterns_are_within_the_limit_of_eventbridge():
    for leases in ("true", "false"):
        rules = Template(RELAY, **EVERYTHING_ON | {"Leases": leases}).resources("AWS::Events::Rule")
        for name, rule in rules.items():
            assert len(json.dumps(rule.get("EventPattern"))) <= 2048, name


# ------------------------------------------------------------------ what an operator sees


ABANDONED_WORK = {"AbandonedWorkQueueArns": ",".join(QUEUE_ARNS[:5])}


def alarms(**parameters):
    return Template(RELAY, **parameters).resources("AWS::CloudWatch::Alarm")


def watched(alarm):
    """Each metric that an alarm looks at, with its namespace, name, dimensions and period."""
    if "Metrics" not in alarm:
        yield alarm["Namespace"], alarm["MetricName"], alarm.get("Dimensions", []), alarm["Period"]
    for metric in alarm.get("Metrics", []):
        if stat := metric.get("MetricStat"):
            of = stat["Metric"]
            yield of["Namespace"], of["MetricName"], of.get("Dimensions", []), stat["Period"]


def dashboard(**parameters):
    return json.loads(Template(RELAY, **parameters).resources()["Dashboard"]["DashboardBody"])


SEARCH_BY_KIND = r"""SEARCH\('\{FailureRelay,TargetKind\} MetricName="(\w+)"', 'Sum', 300\)"""


def dashboard_metrics():
    for widget in dashboard()["widgets"]:
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], dict):
                # A line for each kind that was seen, whatever kinds there are.
                found = re.fullmatch(SEARCH_BY_KIND, metric[0]["expression"])
                yield "FailureRelay", found[1], ["TargetKind"]
            else:
                namespace, name, *rest = metric
                yield namespace, name, [r for r in rest if isinstance(r, str)]


def test_alarms_watch_metrics_that_the_relay_emits():
    own = [w for a in alarms().values() for w in watched(a) if w[0] == "FailureRelay"]
    assert {name for _, name, _, _ in own} == {"DeadLettered", "Retried", "Parked", "ReportAge"}
    # One of the two dimension sets that the relay emits: none, or the kind of the target.
    assert not any(dimensions for _, _, dimensions, _ in own)


def test_what_no_queue_took_raises_an_alarm():
    lost = [*watched(alarms()["EventsLostAlarm"]), *watched(alarms()["NoticesLostAlarm"])]
    (of_the_function,) = (dimensions for _, name, dimensions, _ in lost if name == "DeadLetterErrors")
    assert of_the_function == [{"Name": "FunctionName", "Value": "<RelayFunction>"}]
    rules = Template(RELAY).resources("AWS::Events::Rule")
    named = {
        tuple((d["Name"], d["Value"]) for d in dimensions)
        for _, name, dimensions, _ in lost
        if name == "InvocationsFailedToBeSentToDlq"
    }
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html: the bus is named where it is not the default.
    of_the_bus = (("EventBusName", "<EventBus>"), ("RuleName", rules.pop("FailureRule")["Name"]))
    assert named == {of_the_bus} | {(("RuleName", f"<{rule}>"),) for rule in rules}


def test_no_alarm_watches_more_metrics_than_cloudwatch_allows():
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-limits.html
    for name, alarm in alarms(**EVERYTHING_ON).items():
        assert len(list(watched(alarm))) <= 10, name


def test_the_dashboard_shows_every_metric_that_the_relay_emits():
    shown = {(name, tuple(rest)) for namespace, name, rest in dashboard_metrics() if namespace == "FailureRelay"}
    assert {name for name, _ in shown} == METRICS
    by_kind = {name for name, rest in shown if rest}
    assert by_kind ^ {"Relayed", "Retried", "DeadLettered", "Parked"} == set(), "metrics by TargetKind that one side alone has"
    assert {rest for _, rest in shown} == {(), ("TargetKind",)}


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_the_code_names_the_metric(metric):
    assert f'"{metric}"' in (ROOT / "src/telemetry.rs").read_text()


def test_other_metrics_are_those_of_the_services():
    known = {
        "AWS/SQS": {
            "ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed", "ApproximateAgeOfOldestMessage",
        },
        "AWS/Lambda": {"Errors", "Throttles", "Duration", "ConcurrentExecutions", "DeadLetterErrors"},
        "AWS/Events": {"InvocationsFailedToBeSentToDlq"},
        "FailureRelay": METRICS,
    }
    used = [(namespace, name) for a in alarms(**ABANDONED_WORK).values() for namespace, name, _, _ in watched(a)]
    used += [(namespace, name) for namespace, name, _ in dashboard_metrics()]
    for namespace, name in used:
        assert name in known[namespace]


def test_alarms_tell_the_topics_that_are_given():
    for name, alarm in alarms().items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [], name
    for name, alarm in alarms(**EVERYTHING_ON).items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [EVERYTHING_ON["AlarmTopicArn"], "<AlarmTopic>"], name


def test_an_alarm_looks_back_a_day_at_most():
    for alarm in alarms(**ABANDONED_WORK).values():
        for *_, period in watched(alarm):
            assert period * alarm["EvaluationPeriods"] <= 86_400


def test_silence_is_good_news_but_for_a_queue_that_sqs_no_longer_reports_on():
    missing = {name: alarm["TreatMissingData"] for name, alarm in alarms(**ABANDONED_WORK).items()}
    of_dead_letters = {"DeadLettersWaitingAlarm", "DeadLettersExpiringAlarm"}
    assert {name for name, treated in missing.items() if treated != "notBreaching"} == of_dead_letters
    assert {missing[name] for name in of_dead_letters} == {"ignore"}


def test_one_late_report_raises_an_alarm():
    alarm = alarms()["ReportAgeAlarm"]
    assert (alarm["ExtendedStatistic"], alarm["DatapointsToAlarm"]) == ("p99", 1)


def test_the_key_is_for_sns_only_where_a_topic_publishes():
    def services(**parameters):
        key = Template(RELAY, QueueEncryption="KMS", **parameters).resources()["Key"]
        return [s["Principal"]["Service"] for s in key["KeyPolicy"]["Statement"] if "Service" in s["Principal"]]

    assert services() == ["events.amazonaws.com"]
    topic = EVERYTHING_ON["PublisherTopicArn"]
    assert services(PublisherTopicArn=topic) == ["events.amazonaws.com", "sns.amazonaws.com"]


def test_numbers_of_the_whole_time_are_counted_over_the_whole_time():
    (widget,) = [w for w in dashboard()["widgets"] if w["properties"].get("view") == "singleValue"]
    assert widget["properties"]["setPeriodToTimeRange"] is True


def test_the_default_is_arm64_and_built_by_cargo_lambda():
    template = Template(RELAY)
    function = template.raw["Resources"]["RelayFunction"]
    assert function["Metadata"]["BuildMethod"] == "rust-cargolambda"
    assert template.value(function["Properties"]["Architectures"]) == ["arm64"]


TRACE = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}


@pytest.mark.parametrize("function", ["Relay", "Watch"])
@pytest.mark.parametrize("parameters, mode, granted", [({}, "Active", TRACE), ({"Tracing": "PassThrough"}, "PassThrough", set())])
def test_a_function_may_write_traces_only_where_it_is_traced(function, parameters, mode, granted):
    template = Template(RELAY, Leases="true", **parameters)
    assert template.resources()[f"{function}Function"]["Tracing"] == mode
    allowed = {action for s in statements(template, f"{function}Policy") for action in as_list(s["Action"])}
    assert {action for action in allowed if action.startswith("xray:")} == granted


def test_tracing_is_what_lambda_takes_as_its_mode():
    assert Template(RELAY).raw["Parameters"]["Tracing"]["AllowedValues"] == ["Active", "PassThrough"]


def test_one_stuck_event_raises_an_alarm():
    # At the longest back-off it is retried once in each period at least.
    periods = {name: period for _, name, _, period in watched(alarms()["RetriesPersistAlarm"])}
    longest = 2 * int(Template(RELAY).defaults["RetryCapSeconds"])
    assert set(periods) == {"Retried", "Parked"}
    assert all(period >= longest for period in periods.values())


@pytest.mark.parametrize("parameters", [{}, ABANDONED_WORK], ids=["default", "abandoned-work"])
def test_the_dashboard_shows_every_alarm(parameters):
    (widget,) = [w for w in dashboard(**parameters)["widgets"] if w["type"] == "alarm"]
    shown = [a.strip("<>").removesuffix(".Arn") for a in widget["properties"]["alarms"]]
    assert sorted(shown) == sorted(alarms(**parameters))


def test_no_widget_covers_another():
    taken = set()
    for widget in dashboard()["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        assert all(x < 24 for x, _ in cells)
        taken |= cells


def queries():
    for name, query in Template(RELAY).resources("AWS::Logs::QueryDefinition").items():
        yield name, query["QueryString"]
    for widget in dashboard()["widgets"]:
        if widget["type"] == "log":
            source, query = widget["properties"]["query"].split(" | ", 1)
            assert source == "SOURCE '<LogGroup>'"
            yield widget["properties"]["title"], query


@pytest.mark.parametrize("name, query", queries())
def test_queries_ask_for_members_that_the_relay_logs(name, query):
    made = set(re.findall(r"\bas (\w+)", query))
    language = {
        "fields", "filter", "sort", "stats", "limit", "like", "by", "as", "and", "desc", "asc", "ispresent",
        "count", "max", "latest", "earliest", "or",
    }  # fmt: skip
    words = set(re.findall(r"@?[a-zA-Z_]+", re.sub(r'"[^"]*"', "", query)))
    assert words - language - made <= LOG_MEMBERS
    for outcome in re.findall(r'outcome !?= "([^"]*)"', query):
        assert outcome in OUTCOMES
