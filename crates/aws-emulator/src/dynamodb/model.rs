//! The requests of the operations, as botocore's model of `DynamoDB` has them.

use crate::limits::{OperationModel, STRING, model, words_and};
use crate::operation::{Operation, Service};
use crate::shape::{ANY, Member, Range, Shape, at_most, between, optional, required, text};

const AT_LEAST_ONE: Range = Range { min: Some(1), max: None };
const BOOLEAN: Shape = Shape::Boolean;
const LONG: Shape = Shape::Integer(ANY);
const POSITIVE: Shape = Shape::Integer(AT_LEAST_ONE);

const TABLE_ARN: Shape = text(between(1, 1024)).shape();
const TABLE: Member = required("TableName", TABLE_ARN);
const INDEX_NAME: Shape = text(between(3, 255))
    .matching("[a-zA-Z0-9_.-]+", |name| !name.is_empty() && words_and(name, ".-"))
    .shape();

const ATTRIBUTE_NAME: Shape = text(at_most(65_535)).shape();
const ATTRIBUTE_NAMES: Shape = Shape::List(&ATTRIBUTE_NAME, AT_LEAST_ONE);
const BLOB: Shape = Shape::Blob(text(ANY));

// A static, for it holds itself.
static VALUE_MEMBERS: [Member; 10] = [
    optional("S", STRING),
    optional("N", STRING),
    optional("B", BLOB),
    optional("SS", Shape::List(&STRING, ANY)),
    optional("NS", Shape::List(&STRING, ANY)),
    optional("BS", Shape::List(&BLOB, ANY)),
    optional("M", Shape::Map(&ATTRIBUTE_NAME, &Shape::Recursive(&VALUE_MEMBERS), ANY)),
    optional("L", Shape::List(&Shape::Recursive(&VALUE_MEMBERS), ANY)),
    optional("NULL", BOOLEAN),
    optional("BOOL", BOOLEAN),
];
const ATTRIBUTE_VALUE: Shape = Shape::Structure(&VALUE_MEMBERS);
const ATTRIBUTES: Shape = Shape::Map(&ATTRIBUTE_NAME, &ATTRIBUTE_VALUE, ANY);
const KEY: Member = required("Key", ATTRIBUTES);

// What conditions were before there were expressions.
const COMPARISON_OPERATOR: Shape = text(ANY)
    .one_of(&[
        "EQ",
        "NE",
        "IN",
        "LE",
        "LT",
        "GE",
        "GT",
        "BETWEEN",
        "NOT_NULL",
        "NULL",
        "CONTAINS",
        "NOT_CONTAINS",
        "BEGINS_WITH",
    ])
    .shape();
const OPERANDS: Member = optional("AttributeValueList", Shape::List(&ATTRIBUTE_VALUE, ANY));
const EXPECTED: Member = optional(
    "Expected",
    Shape::Map(
        &ATTRIBUTE_NAME,
        &Shape::Structure(&[
            optional("Value", ATTRIBUTE_VALUE),
            optional("Exists", BOOLEAN),
            optional("ComparisonOperator", COMPARISON_OPERATOR),
            OPERANDS,
        ]),
        ANY,
    ),
);
const CONDITIONS: Shape = Shape::Map(
    &ATTRIBUTE_NAME,
    &Shape::Structure(&[OPERANDS, required("ComparisonOperator", COMPARISON_OPERATOR)]),
    ANY,
);
const CONDITIONAL_OPERATOR: Member =
    optional("ConditionalOperator", text(ANY).one_of(&["AND", "OR"]).shape());
const ATTRIBUTES_TO_GET: Member = optional("AttributesToGet", ATTRIBUTE_NAMES);

const CONDITION: Member = optional("ConditionExpression", STRING);
const PROJECTED: Member = optional("ProjectionExpression", STRING);
const NAMES: Member = optional("ExpressionAttributeNames", Shape::Map(&STRING, &ATTRIBUTE_NAME, ANY));
const VALUES: Member = optional("ExpressionAttributeValues", Shape::Map(&STRING, &ATTRIBUTE_VALUE, ANY));
const CONSISTENT_READ: Member = optional("ConsistentRead", BOOLEAN);
const RETURN_VALUES: Member = optional(
    "ReturnValues",
    text(ANY).one_of(&["NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"]).shape(),
);
const RETURN_CAPACITY: Member =
    optional("ReturnConsumedCapacity", text(ANY).one_of(&["INDEXES", "TOTAL", "NONE"]).shape());
const RETURN_METRICS: Member =
    optional("ReturnItemCollectionMetrics", text(ANY).one_of(&["SIZE", "NONE"]).shape());
const RETURN_ON_FAILURE: Member =
    optional("ReturnValuesOnConditionCheckFailure", text(ANY).one_of(&["ALL_OLD", "NONE"]).shape());

const KEY_ATTRIBUTE: Member = required("AttributeName", text(between(1, 255)).shape());
const KEY_SCHEMA: Shape = Shape::List(
    &Shape::Structure(&[KEY_ATTRIBUTE, required("KeyType", text(ANY).one_of(&["HASH", "RANGE"]).shape())]),
    AT_LEAST_ONE,
);
const PROJECTION: Member = required(
    "Projection",
    Shape::Structure(&[
        optional("ProjectionType", text(ANY).one_of(&["ALL", "KEYS_ONLY", "INCLUDE"]).shape()),
        optional("NonKeyAttributes", Shape::List(&text(between(1, 255)).shape(), between(1, 20))),
    ]),
);
const PROVISIONED: Member = optional(
    "ProvisionedThroughput",
    Shape::Structure(&[required("ReadCapacityUnits", POSITIVE), required("WriteCapacityUnits", POSITIVE)]),
);
const ON_DEMAND: Member = optional(
    "OnDemandThroughput",
    Shape::Structure(&[optional("MaxReadRequestUnits", LONG), optional("MaxWriteRequestUnits", LONG)]),
);
const WARM: Member = optional(
    "WarmThroughput",
    Shape::Structure(&[optional("ReadUnitsPerSecond", LONG), optional("WriteUnitsPerSecond", LONG)]),
);

pub(crate) const CREATE_TABLE: OperationModel = model(
    Operation::CreateTable,
    Service::DynamoDb,
    "CreateTable",
    &[
        optional(
            "AttributeDefinitions",
            Shape::List(
                &Shape::Structure(&[
                    KEY_ATTRIBUTE,
                    required("AttributeType", text(ANY).one_of(&["S", "N", "B"]).shape()),
                ]),
                ANY,
            ),
        ),
        TABLE,
        optional("KeySchema", KEY_SCHEMA),
        optional(
            "LocalSecondaryIndexes",
            Shape::List(
                &Shape::Structure(&[
                    required("IndexName", INDEX_NAME),
                    required("KeySchema", KEY_SCHEMA),
                    PROJECTION,
                ]),
                ANY,
            ),
        ),
        optional(
            "GlobalSecondaryIndexes",
            Shape::List(
                &Shape::Structure(&[
                    required("IndexName", INDEX_NAME),
                    required("KeySchema", KEY_SCHEMA),
                    PROJECTION,
                    PROVISIONED,
                    ON_DEMAND,
                    WARM,
                ]),
                ANY,
            ),
        ),
        optional("BillingMode", text(ANY).one_of(&["PROVISIONED", "PAY_PER_REQUEST"]).shape()),
        PROVISIONED,
        optional(
            "StreamSpecification",
            Shape::Structure(&[
                required("StreamEnabled", BOOLEAN),
                optional(
                    "StreamViewType",
                    text(ANY).one_of(&["NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES", "KEYS_ONLY"]).shape(),
                ),
            ]),
        ),
        optional(
            "SSESpecification",
            Shape::Structure(&[
                optional("Enabled", BOOLEAN),
                optional("SSEType", text(ANY).one_of(&["AES256", "KMS"]).shape()),
                optional("KMSMasterKeyId", STRING),
            ]),
        ),
        optional(
            "Tags",
            Shape::List(
                &Shape::Structure(&[
                    required("Key", text(between(1, 128)).shape()),
                    required("Value", text(between(0, 256)).shape()),
                ]),
                ANY,
            ),
        ),
        optional("TableClass", text(ANY).one_of(&["STANDARD", "STANDARD_INFREQUENT_ACCESS"]).shape()),
        optional("DeletionProtectionEnabled", BOOLEAN),
        WARM,
        optional("ResourcePolicy", STRING),
        ON_DEMAND,
        optional("GlobalTableSourceArn", TABLE_ARN),
        optional(
            "GlobalTableSettingsReplicationMode",
            text(ANY).one_of(&["ENABLED", "DISABLED", "ENABLED_WITH_OVERRIDES"]).shape(),
        ),
        optional("VectorIndexes", Shape::List(&VECTOR_INDEX, ANY)),
    ],
);

const VECTOR_INDEX: Shape = Shape::Structure(&[
    required("IndexName", INDEX_NAME),
    required("VectorAttribute", Shape::Structure(&[KEY_ATTRIBUTE])),
    optional(
        "SearchSchema",
        Shape::List(
            &Shape::Structure(&[
                required("AttributeName", ATTRIBUTE_NAME),
                required("SearchSchemaElementType", text(ANY).one_of(&["HASH", "INLINE_FILTER"]).shape()),
            ]),
            AT_LEAST_ONE,
        ),
    ),
    PROJECTION,
    required("Dimensions", POSITIVE),
    required("DistanceFunction", text(ANY).one_of(&["COSINE", "DOT_PRODUCT", "EUCLIDEAN"]).shape()),
]);

pub(crate) const DESCRIBE_TABLE: OperationModel =
    model(Operation::DescribeTable, Service::DynamoDb, "DescribeTable", &[TABLE]);

pub(crate) const PUT_ITEM: OperationModel = model(
    Operation::PutItem,
    Service::DynamoDb,
    "PutItem",
    &[
        TABLE,
        required("Item", ATTRIBUTES),
        EXPECTED,
        RETURN_VALUES,
        RETURN_CAPACITY,
        RETURN_METRICS,
        CONDITIONAL_OPERATOR,
        CONDITION,
        NAMES,
        VALUES,
        RETURN_ON_FAILURE,
    ],
);

pub(crate) const GET_ITEM: OperationModel = model(
    Operation::GetItem,
    Service::DynamoDb,
    "GetItem",
    &[TABLE, KEY, ATTRIBUTES_TO_GET, CONSISTENT_READ, RETURN_CAPACITY, PROJECTED, NAMES],
);

pub(crate) const UPDATE_ITEM: OperationModel = model(
    Operation::UpdateItem,
    Service::DynamoDb,
    "UpdateItem",
    &[
        TABLE,
        KEY,
        optional(
            "AttributeUpdates",
            Shape::Map(
                &ATTRIBUTE_NAME,
                &Shape::Structure(&[
                    optional("Value", ATTRIBUTE_VALUE),
                    optional("Action", text(ANY).one_of(&["ADD", "PUT", "DELETE"]).shape()),
                ]),
                ANY,
            ),
        ),
        EXPECTED,
        CONDITIONAL_OPERATOR,
        RETURN_VALUES,
        RETURN_CAPACITY,
        RETURN_METRICS,
        optional("UpdateExpression", STRING),
        CONDITION,
        NAMES,
        VALUES,
        RETURN_ON_FAILURE,
    ],
);

pub(crate) const DELETE_ITEM: OperationModel = model(
    Operation::DeleteItem,
    Service::DynamoDb,
    "DeleteItem",
    &[
        TABLE,
        KEY,
        EXPECTED,
        CONDITIONAL_OPERATOR,
        RETURN_VALUES,
        RETURN_CAPACITY,
        RETURN_METRICS,
        CONDITION,
        NAMES,
        VALUES,
        RETURN_ON_FAILURE,
    ],
);

pub(crate) const QUERY: OperationModel = model(
    Operation::Query,
    Service::DynamoDb,
    "Query",
    &[
        TABLE,
        optional("IndexName", INDEX_NAME),
        optional(
            "Select",
            text(ANY)
                .one_of(&["ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "COUNT"])
                .shape(),
        ),
        ATTRIBUTES_TO_GET,
        optional("Limit", POSITIVE),
        CONSISTENT_READ,
        optional("KeyConditions", CONDITIONS),
        optional("QueryFilter", CONDITIONS),
        CONDITIONAL_OPERATOR,
        optional("ScanIndexForward", BOOLEAN),
        optional("ExclusiveStartKey", ATTRIBUTES),
        RETURN_CAPACITY,
        PROJECTED,
        optional("FilterExpression", STRING),
        optional("KeyConditionExpression", STRING),
        NAMES,
        VALUES,
    ],
);

pub(crate) const BATCH_GET_ITEM: OperationModel = model(
    Operation::BatchGetItem,
    Service::DynamoDb,
    "BatchGetItem",
    &[
        required(
            "RequestItems",
            Shape::Map(
                &TABLE_ARN,
                &Shape::Structure(&[
                    required("Keys", Shape::List(&ATTRIBUTES, between(1, 100))),
                    ATTRIBUTES_TO_GET,
                    CONSISTENT_READ,
                    PROJECTED,
                    NAMES,
                ]),
                between(1, 100),
            ),
        ),
        RETURN_CAPACITY,
    ],
);
