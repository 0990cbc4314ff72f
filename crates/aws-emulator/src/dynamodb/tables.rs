//! Tables that are made and described.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html>

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::table::{Index, KeyAttribute, KeySchema, Projection, Table, invalid};
use super::{DynamoDb, TableKey, not_modelled, validation};
use crate::answer::ServiceError;
use crate::limits::words_and;
use crate::request::Caller;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CreateTable {
    table_name: String,
    #[serde(default)]
    attribute_definitions: Vec<AttributeDefinition>,
    #[serde(default)]
    key_schema: Vec<KeyElement>,
    #[serde(default)]
    global_secondary_indexes: Vec<NewIndex>,
    local_secondary_indexes: Option<Value>,
    vector_indexes: Option<Value>,
    billing_mode: Option<String>,
    provisioned_throughput: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeTable {
    table_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeDefinition {
    attribute_name: String,
    attribute_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct KeyElement {
    attribute_name: String,
    key_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NewIndex {
    index_name: String,
    key_schema: Vec<KeyElement>,
    projection: NewProjection,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NewProjection {
    projection_type: Option<String>,
    #[serde(default)]
    non_key_attributes: Vec<String>,
}

impl CreateTable {
    pub(super) fn perform(
        self,
        tables: &mut DynamoDb,
        caller: &Caller,
        now_ms: u64,
    ) -> Result<Value, ServiceError> {
        self.check()?;
        let keys = self.keys(&self.key_schema)?;
        let indexes = self.global_secondary_indexes.iter().map(|index| {
            Ok(Index {
                name: index.index_name.clone(),
                keys: self.keys(&index.key_schema)?,
                projection: index.projection.read()?,
            })
        });
        let indexes = indexes.collect::<Result<Vec<_>, ServiceError>>()?;
        self.check_definitions(&keys, &indexes)?;
        let key = TableKey::of(&self.table_name, caller);
        if tables.tables.contains_key(&key) {
            let message = format!("Table already exists: {}", key.name);
            return Err(ServiceError::new("ResourceInUseException", message));
        }
        let table = Table::new(key.name.clone(), key.arn(), now_ms, keys, indexes);
        // It is there at once; the answer says what DynamoDB's says, so that callers wait.
        let description = describe(&table, "CREATING");
        tables.tables.insert(key, table);
        Ok(json!({ "TableDescription": description }))
    }

    fn check(&self) -> Result<(), ServiceError> {
        let name = &self.table_name;
        if !(3..=255).contains(&name.len()) || !words_and(name, ".-") {
            return Err(validation(
                "TableName must be at least 3 characters long and at most 255 characters long, of \
                 letters, digits, '_', '-' and '.'",
            ));
        }
        if self.local_secondary_indexes.is_some() || self.vector_indexes.is_some() {
            return Err(not_modelled("indexes that are not global"));
        }
        let on_demand = self.billing_mode.as_deref() == Some("PAY_PER_REQUEST");
        match (on_demand, self.provisioned_throughput.is_some()) {
            (true, true) => Err(invalid(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is \
                 PAY_PER_REQUEST",
            )),
            (false, false) => Err(invalid(
                "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is \
                 PROVISIONED",
            )),
            _ => Ok(()),
        }
    }

    fn keys(&self, schema: &[KeyElement]) -> Result<KeySchema, ServiceError> {
        let (hash, range) = match schema {
            [hash] if hash.key_type == "HASH" => (hash, None),
            [hash, range] if hash.key_type == "HASH" && range.key_type == "RANGE" => (hash, Some(range)),
            [] => return Err(invalid("No key schema is given")),
            _ => return Err(invalid("Invalid KeySchema: one HASH key, then at most one RANGE key")),
        };
        Ok(KeySchema { hash: self.typed(hash)?, range: range.map(|range| self.typed(range)).transpose()? })
    }

    fn typed(&self, key: &KeyElement) -> Result<KeyAttribute, ServiceError> {
        let name = &key.attribute_name;
        let defined = self.attribute_definitions.iter().find(|defined| defined.attribute_name == *name);
        let defined = defined.ok_or_else(|| {
            invalid(format!(
                "Some index key attributes are not defined in AttributeDefinitions. Keys: [{name}]"
            ))
        })?;
        Ok(KeyAttribute { name: name.clone(), kind: defined.attribute_type.clone() })
    }

    /// An attribute that is defined is part of some key.
    fn check_definitions(&self, keys: &KeySchema, indexes: &[Index]) -> Result<(), ServiceError> {
        let of_indexes = indexes.iter().flat_map(|index| index.keys.names());
        let used: BTreeSet<&str> = keys.names().chain(of_indexes).collect();
        if used.len() == self.attribute_definitions.len() {
            return Ok(());
        }
        Err(invalid(
            "Number of attributes in KeySchema does not exactly match number of attributes defined in \
             AttributeDefinitions",
        ))
    }
}

impl NewProjection {
    fn read(&self) -> Result<Projection, ServiceError> {
        let names = &self.non_key_attributes;
        match (self.projection_type.as_deref(), names.is_empty()) {
            (Some("ALL"), true) => Ok(Projection::All),
            (Some("KEYS_ONLY"), true) => Ok(Projection::KeysOnly),
            (Some("INCLUDE"), false) => Ok(Projection::Include(names.clone())),
            (Some("INCLUDE"), true) => {
                Err(invalid("ProjectionType is INCLUDE, but NonKeyAttributes is not specified"))
            }
            (Some(kind), _) => {
                Err(invalid(format!("ProjectionType is {kind}, but NonKeyAttributes is specified")))
            }
            (None, _) => Err(invalid("Unknown ProjectionType: null")),
        }
    }
}

impl DescribeTable {
    pub(super) fn perform(&self, tables: &DynamoDb, caller: &Caller) -> Result<Value, ServiceError> {
        let key = TableKey::of(&self.table_name, caller);
        let table = tables.tables.get(&key).ok_or_else(|| {
            let message = format!("Requested resource not found: Table: {} not found", key.name);
            ServiceError::new("ResourceNotFoundException", message)
        })?;
        Ok(json!({ "Table": describe(table, "ACTIVE") }))
    }
}

fn describe(table: &Table, status: &str) -> Value {
    let all_keys = std::iter::once(&table.keys).chain(table.indexes.iter().map(|index| &index.keys));
    let mut definitions: Vec<Value> = Vec::new();
    for attribute in all_keys.flat_map(KeySchema::attributes) {
        let definition = json!({"AttributeName": attribute.name, "AttributeType": attribute.kind});
        if !definitions.contains(&definition) {
            definitions.push(definition);
        }
    }
    let bytes: usize = table.items().map(|(_, item)| item.size_bytes()).sum();
    let mut description = json!({
        "TableName": table.name,
        "TableArn": table.arn,
        "TableStatus": status,
        "CreationDateTime": table.created_ms / 1000,
        "AttributeDefinitions": definitions,
        "KeySchema": key_schema(&table.keys),
        "ItemCount": table.items().count(),
        "TableSizeBytes": bytes,
    });
    if !table.indexes.is_empty() {
        let indexes: Vec<Value> =
            table.indexes.iter().map(|index| describe_index(table, index, status)).collect();
        description["GlobalSecondaryIndexes"] = json!(indexes);
    }
    description
}

fn describe_index(table: &Table, index: &Index, status: &str) -> Value {
    let projection = match &index.projection {
        Projection::All => json!({"ProjectionType": "ALL"}),
        Projection::KeysOnly => json!({"ProjectionType": "KEYS_ONLY"}),
        Projection::Include(names) => json!({"ProjectionType": "INCLUDE", "NonKeyAttributes": names}),
    };
    json!({
        "IndexName": index.name,
        "IndexArn": format!("{}/index/{}", table.arn, index.name),
        "IndexStatus": status,
        "KeySchema": key_schema(&index.keys),
        "Projection": projection,
    })
}

fn key_schema(keys: &KeySchema) -> Value {
    let element =
        |(attribute, kind): (&KeyAttribute, &str)| json!({"AttributeName": attribute.name, "KeyType": kind});
    json!(keys.attributes().zip(["HASH", "RANGE"]).map(element).collect::<Vec<_>>())
}
