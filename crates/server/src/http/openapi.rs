//! The API as an `OpenAPI` document, written down beside each route.

use std::{
    fmt::Write as _,
    sync::{Arc, LazyLock},
};

use axum::{
    Extension, Router,
    handler::Handler,
    http::Method,
    response::IntoResponse,
    routing::{MethodFilter, on},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use super::routes;
use crate::{config::Scope, gateway::Gateway};

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

    /// Adds an operation, for keys with the scope `needs`, or for anybody. `summary` is one line;
    /// `about` says the rest.
    pub(super) fn add<H, T>(
        mut self,
        method: Method,
        path: &'static str,
        needs: Option<Scope>,
        handler: H,
        summary: &str,
        about: impl FnOnce(Operation<'_>) -> Operation<'_>,
    ) -> Self
    where
        H: Handler<T, Arc<Gateway>>,
        T: 'static,
    {
        if let Some(Document { paths, generator }) = &mut self.document {
            let operation = Operation::new(&method, path, summary, generator).needs(needs);
            let said = about(operation).said;
            let place = paths.entry(path).or_insert_with(|| json!({}));
            if let Some(place) = place.as_object_mut() {
                place.insert(method.as_str().to_lowercase(), Value::Object(said));
            }
        }
        let filter = MethodFilter::try_from(method).expect("routes have usual methods");
        let route = match needs {
            Some(scope) => on(filter, handler).route_layer(Extension(scope)),
            None => on(filter, handler),
        };
        self.router = self.router.route(path, route);
        self
    }
}

impl<'a> Operation<'a> {
    fn new(method: &Method, path: &str, summary: &str, generator: &'a mut SchemaGenerator) -> Self {
        let of_app = path.strip_prefix("/v1/");
        let words = of_app.unwrap_or(path.trim_start_matches('/')).split('/');
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
            "tags": [of_app.map_or("server", |_| words[0])],
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

    fn needs(mut self, scope: Option<Scope>) -> Self {
        let security = match scope {
            Some(scope) => {
                let text = format!("Needs an API key with the scope `{}`.", scope.as_str());
                self.said.insert("description".to_owned(), text.into());
                json!([{ "key": [scope.as_str()] }])
            }
            None => json!([]),
        };
        self.said.insert("security".to_owned(), security);
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

static TEXT: LazyLock<String> = LazyLock::new(|| make().to_string());

/// Makes the whole document.
pub(super) fn make() -> Value {
    let Some(Document { paths, mut generator }) = routes::api(Api::documented()).document else {
        unreachable!("it was asked for")
    };
    let problem = generator.subschema_for::<super::problem::Document<'_>>();
    let key = "Makes sure that the change is made once: choose a new one for each.";
    let most = bellwire_protocol::limits::IDEMPOTENCY_KEY_BYTES;
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Bellwire",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Calls, users and records, for an app's own server.",
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "securitySchemes": { "key": {
                "type": "http", "scheme": "bearer", "description": scopes(),
            } },
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
    })
}

/// What an API key is, and what each scope lets it do.
fn scopes() -> String {
    let schema = schemars::schema_for!(Scope).to_value();
    let mut text = String::from(
        "One of the app's API keys. Each operation names the scope that the key must have:\n",
    );
    for scope in schema["oneOf"].as_array().into_iter().flatten() {
        let about = scope["description"].as_str().unwrap_or_default();
        let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
        let name = scope["const"].as_str().unwrap_or_default();
        // Writing into a text never fails.
        let _ = write!(text, "\n- `{name}`: {about}");
    }
    text
}

/// `GET /openapi.json`
pub(super) async fn document() -> impl IntoResponse {
    let kind = [(axum::http::header::CONTENT_TYPE, "application/json")];
    (kind, TEXT.as_str())
}
