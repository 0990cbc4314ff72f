//! `DynamoDB` as a caller sees it: what a right request does, and what a wrong one is told.

use serde_json::{Value, json};

use super::{Seen, endpoint_with, read, send, signed, start};
use crate::{Endpoint, Fault, FaultRule, Operation, Options, ServiceError};

/// A table with a sort key and an index that holds one attribute beside the keys.
async fn endpoint() -> Endpoint {
    let endpoint = start(Options::default()).await;
    create_table(&endpoint);
    endpoint
}

fn create_table(endpoint: &Endpoint) {
    let key = |hash: &str, range: &str| {
        json!([
            {"AttributeName": hash, "KeyType": "HASH"},
            {"AttributeName": range, "KeyType": "RANGE"},
        ])
    };
    let table = json!({
        "TableName": "things",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "due_shard", "AttributeType": "S"},
            {"AttributeName": "due_at", "AttributeType": "N"},
        ],
        "KeySchema": key("pk", "sk"),
        "GlobalSecondaryIndexes": [{
            "IndexName": "due",
            "KeySchema": key("due_shard", "due_at"),
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["kind"]},
        }],
    });
    let answer = endpoint.call(Operation::CreateTable, table).expect("it is valid");
    assert_eq!(answer["TableDescription"]["TableStatus"], "CREATING");
}

fn call(endpoint: &Endpoint, operation: Operation, mut input: Value) -> Result<Value, ServiceError> {
    input["TableName"] = json!("things");
    endpoint.call(operation, input)
}

fn put(endpoint: &Endpoint, item: &Value) {
    call(endpoint, Operation::PutItem, json!({ "Item": item })).expect("it is valid");
}

fn key(pk: &str, sk: &str) -> Value {
    json!({"pk": {"S": pk}, "sk": {"S": sk}})
}

/// An update of one item, with `:a` as 1, `:b` as 2 and `#k` as `kind`, as far as they are used.
fn update(endpoint: &Endpoint, expression: &str, condition: Option<&str>) -> Result<Value, ServiceError> {
    let mut input = json!({
        "Key": key("p", "s"), "UpdateExpression": expression, "ReturnValues": "ALL_NEW",
    });
    if let Some(condition) = condition {
        input["ConditionExpression"] = json!(condition);
    }
    let text = format!("{expression} {}", condition.unwrap_or_default());
    for (placeholder, number) in [(":a", "1"), (":b", "2")] {
        if text.contains(placeholder) {
            input["ExpressionAttributeValues"][placeholder] = json!({ "N": number });
        }
    }
    if text.contains("#k") {
        input["ExpressionAttributeNames"] = json!({"#k": "kind"});
    }
    call(endpoint, Operation::UpdateItem, input)
}

fn told(result: Result<Value, ServiceError>) -> String {
    let error = result.expect_err("it is wrong");
    assert_eq!(error.code, "ValidationException", "{error}");
    error.message
}

#[tokio::test(start_paused = true)]
async fn an_update_makes_an_item_and_changes_what_it_names() {
    let endpoint = endpoint().await;
    let made = update(&endpoint, "SET a = :a, b = if_not_exists(b, :b)", None).expect("it is valid");
    let mut expected = key("p", "s");
    expected["a"] = json!({"N": "1"});
    expected["b"] = json!({"N": "2"});
    assert_eq!(made["Attributes"], expected);
    let again = update(&endpoint, "SET b = if_not_exists(b, :a), a = b REMOVE gone", None);
    assert_eq!(again.expect("it is valid")["Attributes"]["a"], json!({"N": "2"}));
    let removed = update(&endpoint, "remove a, b", None).expect("it is valid");
    assert_eq!(removed["Attributes"], key("p", "s"));
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_condition_does_not_hold_changes_nothing() {
    let endpoint = endpoint().await;
    let newer = Some("attribute_not_exists(sent_at) OR sent_at <= :b");
    update(&endpoint, "SET sent_at = :b", newer).expect("nothing is there");
    update(&endpoint, "SET sent_at = :b", newer).expect("the same time is not older");
    let older = update(&endpoint, "SET sent_at = :a", Some("attribute_not_exists(sent_at) OR sent_at <= :a"));
    assert_eq!(older.expect_err("it is older").code, "ConditionalCheckFailedException");
    let input = json!({
        "Key": key("p", "s"), "ConditionExpression": "sent_at = :at",
        "ExpressionAttributeValues": {":at": {"N": "3"}},
    });
    let deleted = call(&endpoint, Operation::DeleteItem, input.clone());
    assert_eq!(deleted.expect_err("it is another").code, "ConditionalCheckFailedException");
    assert_eq!(endpoint.table_items("things").expect("it is there").len(), 1);
    let mut input = input;
    input["ExpressionAttributeValues"][":at"] = json!({"N": "2.0"});
    input["ReturnValues"] = json!("ALL_OLD");
    let deleted = call(&endpoint, Operation::DeleteItem, input).expect("numbers are equal by value");
    assert_eq!(deleted["Attributes"]["sent_at"], json!({"N": "2"}));
    assert!(endpoint.table_items("things").expect("it is there").is_empty());
}

#[tokio::test(start_paused = true)]
async fn conditions_are_evaluated_as_documented() {
    let endpoint = endpoint().await;
    put(&endpoint, &json!({"pk": {"S": "p"}, "sk": {"S": "s"}, "n": {"N": "10"}, "t": {"S": "token"}}));
    let holds = |condition: &str| {
        let mut values = json!({});
        for (placeholder, value) in
            [(":9", json!({"N": "9"})), (":10", json!({"N": "10"})), (":to", json!({"S": "to"}))]
        {
            if condition.contains(placeholder) {
                values[placeholder] = value;
            }
        }
        let mut input = json!({"Key": key("p", "s"), "ConditionExpression": condition});
        if values != json!({}) {
            input["ExpressionAttributeValues"] = values;
        }
        match call(&endpoint, Operation::UpdateItem, input) {
            Ok(_) => true,
            Err(error) if error.code == "ConditionalCheckFailedException" => false,
            Err(error) => panic!("{condition}: {error}"),
        }
    };
    for condition in [
        "n > :9",
        "n BETWEEN :9 AND :10",
        "begins_with(t, :to)",
        "NOT attribute_exists(gone)",
        "gone <> :9",
        "n <> :to",
        "n = :9 OR n = :10 AND attribute_exists(t)",
        "not (n = :9 and n = :10)",
        "attribute_exists(t) AND NOT n < :10",
    ] {
        assert!(holds(condition), "{condition}");
    }
    for condition in [
        "n < :to",
        "t < :9",
        "gone = :9",
        "gone < :9",
        "NOT n = :10",
        "(n = :10 OR n = :9) AND attribute_exists(gone)",
        "begins_with(n, :to)",
    ] {
        assert!(!holds(condition), "{condition}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_wrong_expression_is_refused_in_the_service_s_words() {
    let endpoint = endpoint().await;
    for (expression, condition, part) in [
        ("SET region = :a", None, "Attribute name is a reserved keyword; reserved keyword: region"),
        ("SET a = :a", Some("ttl = :a"), "Invalid ConditionExpression: Attribute name is a reserved keyword"),
        ("SET a = :c", None, "attribute value: :c"),
        ("SET #x = :a", None, "attribute name: #x"),
        ("SET pk = :a", None, "Cannot update attribute pk. This attribute is part of the key"),
        ("SET a = :a, a = :b", None, "Two document paths overlap"),
        ("SET a = :a REMOVE a", None, "Two document paths overlap"),
        ("SET a = :a SET b = :b", None, "\"SET\" section can only be used once"),
        ("SET a = b", None, "refers to an attribute that does not exist"),
        ("SET a :a", None, "Syntax error; token: \":a\", near: \"a :a\""),
        ("SET a =", None, "token: \"<EOF>\""),
        ("", None, "The expression can not be empty"),
        ("SET a = :a", Some("((a = :a))"), "redundant parentheses"),
        ("SET a = :a", Some("a = a AND b = :a"), "The first operand must be distinct"),
        ("SET a = :a", Some("begins_with(b, :a)"), "operator or function: begins_with, operand type: N"),
        ("SET a = :a", Some("attribute_exists(:b)"), "requires a document path"),
        ("SET a = :a", Some("begins_with(b)"), "Incorrect number of operands"),
        ("SET a = :a", Some("if_not_exists(b, :a)"), "The function is not allowed in a condition"),
        ("SET a = :a", Some("exists(b)"), "Invalid function name; function: exists"),
        ("SET a = :a", Some("b BETWEEN :b AND :a"), "upper bound to be greater than or equal"),
        ("SET a.b = :a", None, "The endpoint does not model paths"),
        ("ADD a :a", None, "The endpoint does not model ADD"),
    ] {
        let told = told(update(&endpoint, expression, condition));
        assert!(told.contains(part), "{expression} {condition:?}: {told}");
    }
    assert!(endpoint.table_items("things").expect("it is there").is_empty());
}

#[tokio::test(start_paused = true)]
async fn placeholders_that_nothing_uses_are_refused() {
    let endpoint = endpoint().await;
    let get = |names: Value, projection: Value| {
        let input = json!({
            "Key": key("p", "s"), "ExpressionAttributeNames": names, "ProjectionExpression": projection,
        });
        told(call(&endpoint, Operation::GetItem, input))
    };
    assert!(get(json!({"#a": "a"}), json!("b")).contains("unused in expressions: keys: {#a}"));
    assert!(get(json!({"#a": "a"}), Value::Null).contains("can only be specified when using expressions"));
    assert!(get(json!({}), json!("a")).contains("must not be empty"));
    assert!(get(json!({"a": "a"}), json!("a")).contains("invalid key"));
    let input = json!({
        "Key": key("p", "s"), "UpdateExpression": "REMOVE a",
        "ExpressionAttributeValues": {":a": {"N": "1"}},
    });
    assert!(told(call(&endpoint, Operation::UpdateItem, input)).contains("keys: {:a}"));
}

#[tokio::test(start_paused = true)]
async fn keys_are_of_their_types_and_an_item_has_a_limit() {
    let endpoint = endpoint().await;
    let put = |item: Value| told(call(&endpoint, Operation::PutItem, json!({ "Item": item })));
    let with = |name: &str, value: Value| {
        let mut item = key("p", "s");
        item[name] = value;
        item
    };
    assert!(put(json!({"pk": {"S": "p"}})).contains("Missing the key sk in the item"));
    assert!(put(with("sk", json!({"N": "1"}))).contains("Type mismatch for key sk expected: S actual: N"));
    assert!(put(with("pk", json!({"S": ""}))).contains("cannot contain an empty string value. Key: pk"));
    assert!(put(with("due_at", json!({"S": "1"}))).contains("Type mismatch for Index Key due_at"));
    assert!(put(with("due_shard", json!({"NULL": true}))).contains("Type mismatch for Index Key due_shard"));
    let too_large = put(with("a", json!({"S": "x".repeat(400 * 1024)})));
    assert!(too_large.contains("Item size has exceeded the maximum allowed size"));
    for wrong in [json!({"pk": {"S": "p"}}), with("a", json!({"S": "b"})), with("sk", json!({"N": "1"}))] {
        let told = told(call(&endpoint, Operation::GetItem, json!({ "Key": wrong })));
        assert_eq!(told, "The provided key element does not match the schema");
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_gives_a_partition_in_order_page_by_page() {
    let endpoint = endpoint().await;
    for sk in ["claim#b", "notice", "claim#a", "claim#c"] {
        put(&endpoint, &key("p", sk));
    }
    put(&endpoint, &key("other", "claim#a"));
    let query = json!({
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :prefix)",
        "ExpressionAttributeValues": {":pk": {"S": "p"}, ":prefix": {"S": "claim#"}},
        "ConsistentRead": true, "Limit": 2,
    });
    for (forward, expected) in [
        (true, [vec!["claim#a", "claim#b"], vec!["claim#c"]]),
        (false, [vec!["claim#c", "claim#b"], vec!["claim#a"]]),
    ] {
        let mut query = query.clone();
        query["ScanIndexForward"] = json!(forward);
        for page in expected {
            let answer = call(&endpoint, Operation::Query, query.clone()).expect("it is valid");
            let items = answer["Items"].as_array().expect("it is a list");
            let found: Vec<&str> = items.iter().filter_map(|item| item["sk"]["S"].as_str()).collect();
            assert_eq!(found, page);
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"].clone();
        }
        assert_eq!(query["ExclusiveStartKey"], Value::Null);
    }
}

#[tokio::test(start_paused = true)]
async fn an_index_holds_what_has_its_keys_and_gives_what_it_projects() {
    let endpoint = endpoint().await;
    for (pk, due_at) in [("c", "9"), ("b", "10"), ("a", "10"), ("late", "11")] {
        let mut item = json!({"due_shard": {"S": "0"}, "due_at": {"N": due_at}});
        item["kind"] = json!({"S": "task"});
        item["token"] = json!({"S": "secret"});
        item["pk"] = json!({ "S": pk });
        item["sk"] = json!({"S": "lease"});
        put(&endpoint, &item);
    }
    put(&endpoint, &json!({"pk": {"S": "released"}, "sk": {"S": "lease"}}));
    let mut query = json!({
        "IndexName": "due",
        "KeyConditionExpression": "due_shard = :shard AND due_at <= :now",
        "ExpressionAttributeValues": {":shard": {"S": "0"}, ":now": {"N": "10"}},
        "Limit": 2,
    });
    let first = call(&endpoint, Operation::Query, query.clone()).expect("it is valid");
    let found: Vec<_> = (0..2).map(|at| first["Items"][at]["pk"]["S"].clone()).collect();
    assert_eq!(found, ["c", "a"]);
    let expected = json!({
        "pk": {"S": "c"}, "sk": {"S": "lease"}, "due_shard": {"S": "0"}, "due_at": {"N": "9"}, "kind": {"S": "task"},
    });
    assert_eq!(first["Items"][0], expected);
    query["ExclusiveStartKey"] = first["LastEvaluatedKey"].clone();
    let second = call(&endpoint, Operation::Query, query.clone()).expect("it is valid");
    assert_eq!((&second["Items"][0]["pk"]["S"], &second["Count"]), (&json!("b"), &json!(1)));
    assert_eq!(second.get("LastEvaluatedKey"), None);
    query["ExclusiveStartKey"] = key("c", "lease");
    assert!(told(call(&endpoint, Operation::Query, query)).contains("The provided starting key is invalid"));
}

#[tokio::test(start_paused = true)]
async fn a_page_has_at_most_a_megabyte_before_its_filter() {
    let endpoint = endpoint().await;
    for sk in ["a", "b", "c", "d"] {
        let mut item = key("p", sk);
        item["text"] = json!({"S": "x".repeat(300 * 1024)});
        put(&endpoint, &item);
    }
    let query = json!({
        "KeyConditionExpression": "pk = :pk", "FilterExpression": "NOT attribute_exists(#t)",
        "ExpressionAttributeNames": {"#t": "text"}, "ExpressionAttributeValues": {":pk": {"S": "p"}},
    });
    let answer = call(&endpoint, Operation::Query, query).expect("it is valid");
    assert_eq!((&answer["Count"], &answer["ScannedCount"]), (&json!(0), &json!(3)));
    assert_eq!(answer["LastEvaluatedKey"], key("p", "c"));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_query_is_refused_in_the_service_s_words() {
    let endpoint = endpoint().await;
    for (condition, other, part) in [
        ("sk = :a", json!({}), "Query condition missed key schema element: pk"),
        ("pk = :a AND due_shard = :a", json!({}), "Query condition missed key schema element: sk"),
        ("pk < :a", json!({}), "Query key condition not supported"),
        ("pk = :a OR sk = :a", json!({}), "Invalid operator used in KeyConditionExpression: OR"),
        ("pk = :a AND sk <> :a", json!({}), "Unsupported operator"),
        ("pk = :a AND sk = :a AND sk = :a", json!({}), "must only contain one condition per key"),
        ("due_shard = :a", json!({"IndexName": "due", "ConsistentRead": true}), "Consistent reads are not"),
        ("pk = :a", json!({"IndexName": "none"}), "does not have the specified index: none"),
        (
            "due_shard = :a",
            json!({"IndexName": "due", "ProjectionExpression": "target"}),
            "does not project [target]",
        ),
        (
            "due_shard = :a",
            json!({"IndexName": "due", "Select": "ALL_ATTRIBUTES"}),
            "projection type is not ALL",
        ),
        ("pk = :a", json!({"Select": "SPECIFIC_ATTRIBUTES"}), "Must specify"),
        ("pk = :a", json!({"FilterExpression": "sk = :a"}), "can only contain non-primary key attributes"),
        ("pk = :a", json!({"ExclusiveStartKey": key("other", "s")}), "outside query boundaries"),
        ("pk = :a", json!({"Limit": 0}), "Member must have value greater than or equal to 1"),
        ("pk = :a", json!({"QueryFilter": {}}), "The endpoint does not model QueryFilter"),
    ] {
        let mut query = other;
        query["KeyConditionExpression"] = json!(condition);
        query["ExpressionAttributeValues"] = json!({":a": {"S": "a"}});
        let told = told(call(&endpoint, Operation::Query, query));
        assert!(told.contains(part), "{condition}: {told}");
    }
}

fn batch(endpoint: &Endpoint, keys: &[Value]) -> Result<Value, ServiceError> {
    let input = json!({"RequestItems": {"things": {"Keys": keys, "ConsistentRead": true}}});
    endpoint.call(Operation::BatchGetItem, input)
}

#[tokio::test(start_paused = true)]
async fn a_batch_gives_what_is_there_and_leaves_what_is_too_much() {
    let endpoint = endpoint().await;
    let keys: Vec<Value> = (0..60).map(|number| key("p", &format!("{number}"))).collect();
    for key in &keys[..50] {
        let mut item = key.clone();
        item["text"] = json!({"S": "x".repeat(399 * 1024)});
        put(&endpoint, &item);
    }
    let answer = batch(&endpoint, &keys).expect("it is valid");
    let found = answer["Responses"]["things"].as_array().expect("it is a list");
    assert_eq!((found.len(), &found[0]["sk"]["S"]), (41, &json!("40")));
    let left = &answer["UnprocessedKeys"]["things"];
    assert_eq!((left["Keys"].as_array().map(Vec::len), &left["ConsistentRead"]), (Some(9), &json!(true)));
    assert_eq!(left["Keys"][0], keys[41]);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_batch_is_refused() {
    let endpoint = endpoint().await;
    let keys: Vec<Value> = (0..101).map(|number| key("p", &format!("{number}"))).collect();
    assert!(told(batch(&endpoint, &keys)).contains("Member must have length less than or equal to 100"));
    assert!(told(batch(&endpoint, &[])).contains("Member must have length greater than or equal to 1"));
    let twice = [key("p", "s"), key("p", "s")];
    assert_eq!(told(batch(&endpoint, &twice)), "Provided list of item keys contains duplicates");
}

async fn over_the_wire(endpoint: &Endpoint, operation: &str, body: &Value) -> Seen {
    let target = format!("DynamoDB_20120810.{operation}");
    read(send(endpoint, &target, &signed("dynamodb"), &body.to_string()).await).await
}

#[tokio::test(start_paused = true)]
async fn errors_have_the_service_s_namespace() {
    let endpoint = endpoint().await;
    let unknown = json!({"TableName": "none", "Key": key("p", "s")});
    let seen = over_the_wire(&endpoint, "GetItem", &unknown).await;
    let expected = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException",
        "message": "Requested resource not found",
    });
    assert_eq!((seen.status, serde_json::from_str(&seen.body).ok()), (Some(400), Some(expected)));
    let seen = over_the_wire(&endpoint, "GetItem", &json!({"TableName": "things"})).await;
    assert!(seen.body.contains("com.amazon.coral.validate#ValidationException"), "{seen:?}");
    let seen = over_the_wire(&endpoint, "GetItem", &json!({"TableName": "things", "Key": {"pk": 1}})).await;
    assert!(seen.body.contains("SerializationException"), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn faults_throttle_and_leave_keys_unprocessed() {
    let unprocessed = Fault::PartialBatchFailure { positions: vec![0], code: None, sender_fault: false };
    let endpoint = endpoint_with(vec![
        FaultRule::always("dynamodb:GetItem", Fault::Throttle { code: None, status: 400 }),
        FaultRule::always("BatchGetItem", unprocessed),
    ])
    .await;
    create_table(&endpoint);
    let get = json!({"TableName": "things", "Key": key("p", "s")});
    let seen = over_the_wire(&endpoint, "GetItem", &get).await;
    assert!(seen.body.contains("v20120810#ProvisionedThroughputExceededException"), "{seen:?}");
    put(&endpoint, &key("p", "s"));
    let input = json!({"RequestItems": {"things": {"Keys": [key("p", "s")]}}});
    let seen = over_the_wire(&endpoint, "BatchGetItem", &input).await;
    let answer: Value = serde_json::from_str(&seen.body).expect("it is JSON");
    assert_eq!(answer["Responses"]["things"], json!([]));
    assert_eq!(answer["UnprocessedKeys"], json!({"things": {"Keys": [key("p", "s")]}}));
}

#[tokio::test(start_paused = true)]
async fn a_table_is_of_its_region_and_can_be_made_once() {
    let endpoint = endpoint().await;
    let again = json!({
        "TableName": "things", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    });
    let told = endpoint.call(Operation::CreateTable, again).expect_err("it is there");
    assert_eq!(told.code, "ResourceInUseException");
    let arn = "arn:aws:dynamodb:us-east-1:123456789012:table/things";
    let table = endpoint.call(Operation::DescribeTable, json!({ "TableName": arn })).expect("it is there");
    assert_eq!(
        (&table["Table"]["TableStatus"], &table["Table"]["TableArn"]),
        (&json!("ACTIVE"), &json!(arn))
    );
    let elsewhere = arn.replace("us-east-1", "eu-west-1");
    let told = endpoint.call(Operation::DescribeTable, json!({ "TableName": elsewhere }));
    assert_eq!(told.expect_err("it is not there").code, "ResourceNotFoundException");
}
