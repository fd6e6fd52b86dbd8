//! The API as an `OpenAPI` document, written down beside each route.

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    handler::Handler,
    http::Method,
    response::IntoResponse,
    routing::{MethodFilter, on},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::routes;
use crate::gateway::Gateway;

/// Routes, and what is said of them where somebody wants to know.
pub(super) struct Api {
    pub(super) router: Router<Arc<Gateway>>,
    document: Option<Document>,
}

/// A document in the making.
struct Document {
    paths: Map<String, Value>,
    generator: SchemaGenerator,
}

/// What is said of one operation.
pub(super) struct Operation<'a> {
    said: Map<String, Value>,
    generator: &'a mut SchemaGenerator,
}

impl Api {
    /// Only the routes.
    pub(super) fn routes() -> Self {
        Self { router: Router::new(), document: None }
    }

    fn documented() -> Self {
        let settings = SchemaSettings::draft2020_12()
            .with(|settings| settings.definitions_path = "/components/schemas".into());
        let document = Document { paths: Map::new(), generator: settings.into_generator() };
        Self { router: Router::new(), document: Some(document) }
    }

    /// Adds an operation. `summary` is one line; `about` says the rest.
    pub(super) fn add<H, T>(
        mut self,
        method: Method,
        path: &'static str,
        handler: H,
        summary: &str,
        about: impl FnOnce(Operation<'_>) -> Operation<'_>,
    ) -> Self
    where
        H: Handler<T, Arc<Gateway>>,
        T: 'static,
    {
        if let Some(Document { paths, generator }) = &mut self.document {
            let operation = Operation::new(&method, path, summary, generator);
            let said = about(operation).said;
            let place = paths.entry(path).or_insert_with(|| json!({}));
            if let Some(place) = place.as_object_mut() {
                place.insert(method.as_str().to_lowercase(), Value::Object(said));
            }
        }
        let filter = MethodFilter::try_from(method).expect("routes have usual methods");
        self.router = self.router.route(path, on(filter, handler));
        self
    }
}

impl<'a> Operation<'a> {
    fn new(method: &Method, path: &str, summary: &str, generator: &'a mut SchemaGenerator) -> Self {
        let words = path.trim_start_matches("/v1/").split('/');
        let words: Vec<_> = words.map(|word| word.trim_matches(['{', '}'])).collect();
        let named = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let parameters = named.map(|name| {
            let schema = match name {
                "id" => json!({ "type": "string", "format": "uuid" }),
                _ => json!({ "type": "string", "minLength": 1, "maxLength": 64 }),
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        });
        let said = json!({
            "operationId": format!("{}_{}", method.as_str().to_lowercase(), words.join("_")),
            "tags": [words[0]],
            "summary": summary,
            "parameters": parameters.collect::<Vec<_>>(),
            "responses": {
                "4XX": { "$ref": "#/components/responses/Problem" },
                "5XX": { "$ref": "#/components/responses/Problem" },
            },
        });
        let Value::Object(said) = said else { unreachable!("it is an object") };
        Self { said, generator }
    }

    /// What may stand behind the `?`: the fields of `T`.
    pub(super) fn query<T: JsonSchema>(mut self) -> Self {
        let schema = T::json_schema(self.generator).to_value();
        let required = schema["required"].clone();
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let is_required = required.as_array().is_some_and(|r| r.iter().any(|r| r == name));
            let mut field = field.clone();
            let description = field.as_object_mut().and_then(|f| f.remove("description"));
            let mut parameter = json!({
                "name": name, "in": "query", "required": is_required, "schema": given(field),
            });
            if let Some(description) = description {
                parameter["description"] = description;
            }
            self.parameter(&parameter);
        }
        self
    }

    /// The body is a `T`.
    pub(super) fn body<T: JsonSchema>(mut self) -> Self {
        let schema = self.generator.subschema_for::<T>();
        let body = json!({ "required": true, "content": content("application/json", &schema) });
        self.said.insert("requestBody".to_owned(), body);
        self
    }

    /// It may carry an `Idempotency-Key`.
    pub(super) fn once(mut self) -> Self {
        self.parameter(&json!({ "$ref": "#/components/parameters/IdempotencyKey" }));
        self
    }

    /// The answer is a `T`.
    pub(super) fn gives<T: JsonSchema>(mut self, description: &str) -> Self {
        let schema = self.generator.subschema_for::<T>();
        self.said["responses"]["200"] =
            json!({ "description": description, "content": content("application/json", &schema) });
        self
    }

    /// The answer is text of one of these kinds.
    pub(super) fn gives_text(mut self, kinds: &[&str], description: &str) -> Self {
        let text: Schema = schemars::json_schema!({ "type": "string" });
        let mut contents = Map::new();
        for kind in kinds {
            contents.insert((*kind).to_owned(), json!({ "schema": text }));
        }
        self.said["responses"]["200"] = json!({ "description": description, "content": contents });
        self
    }

    /// Nobody has to say who they are.
    pub(super) fn open(mut self) -> Self {
        self.said.insert("security".to_owned(), json!([]));
        self
    }

    fn parameter(&mut self, parameter: &Value) {
        if let Some(all) = self.said["parameters"].as_array_mut() {
            all.push(parameter.clone());
        }
    }
}

fn content(kind: &str, schema: &Schema) -> Value {
    json!({ kind: { "schema": schema } })
}

/// What stands in a query is there or not, and never null.
fn given(mut schema: Value) -> Value {
    if let Some(any) = schema.get("anyOf").and_then(Value::as_array) {
        return any.iter().find(|one| one["type"] != "null").cloned().unwrap_or_default();
    }
    if let Some(kinds) = schema.get_mut("type").and_then(Value::as_array_mut) {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            schema["type"] = kind.clone();
        }
    }
    schema
}

/// The whole document.
static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    let Some(Document { paths, mut generator }) = routes::api(Api::documented()).document else {
        unreachable!("it was asked for")
    };
    let problem = generator.subschema_for::<super::problem::Document<'_>>();
    let key = "Makes sure that the change is made once: choose a new one for each.";
    let most = bellwire_protocol::limits::IDEMPOTENCY_KEY_BYTES;
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Bellwire",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Calls, users and records, for an app's own server.",
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
            "parameters": { "IdempotencyKey": {
                "name": "Idempotency-Key", "in": "header", "description": key,
                "schema": { "type": "string", "pattern": "^[!-~]+$", "maxLength": most },
            } },
            "responses": { "Problem": {
                "description": "Why it was refused (RFC 9457).",
                "content": content("application/problem+json", &problem),
            } },
            "schemas": generator.take_definitions(true),
        },
    });
    document.to_string()
});

/// `GET /openapi.json`
pub(super) async fn document() -> impl IntoResponse {
    let kind = [(axum::http::header::CONTENT_TYPE, "application/json")];
    (kind, DOCUMENT.as_str())
}
