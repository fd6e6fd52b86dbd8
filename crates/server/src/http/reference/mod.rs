//! `GET /docs`: the API for people to read, made from the document of `GET /openapi.json`. It needs
//! no script, nothing from elsewhere, and nothing but this program to build.

mod html;
mod schema;

use std::{collections::BTreeSet, sync::LazyLock};

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
    response::IntoResponse,
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};

use self::html::Html;
use super::openapi;

/// What the anchor of a schema begins with, and that of a group of operations.
const SCHEMA: &str = "schema-";
const GROUP: &str = "group-";

const STYLE: &str = include_str!("style.css");

/// The page, made when it is first asked for.
static PAGE: LazyLock<String> = LazyLock::new(|| page(&openapi::make()));

/// Only the page's own style is drawn, and nothing runs.
static CONTENT_POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
});

/// `GET /docs`
pub(super) async fn reference() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, CONTENT_POLICY.as_str()),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, PAGE.as_str())
}

/// An operation and where it is.
struct Operation<'a> {
    method: &'a str,
    path: &'a str,
    said: &'a Value,
}

/// Operations by what they are about: those of the API in the order of the document, then those
/// that anybody may ask.
fn groups(document: &Value) -> Vec<(&str, Vec<Operation<'_>>)> {
    let mut groups: Vec<(&str, Vec<_>)> = Vec::new();
    let paths = document["paths"].as_object().into_iter().flatten();
    let (api, open): (Vec<_>, Vec<_>) = paths.partition(|(path, _)| path.starts_with("/v1/"));
    for (path, operations) in api.into_iter().chain(open) {
        for (method, said) in operations.as_object().into_iter().flatten() {
            let tag = said["tags"][0].as_str().unwrap_or_default();
            let operation = Operation { method, path, said };
            match groups.iter_mut().find(|(name, _)| *name == tag) {
                Some((_, group)) => group.push(operation),
                None => groups.push((tag, vec![operation])),
            }
        }
    }
    groups
}

fn page(document: &Value) -> String {
    let none = Map::new();
    let schemas = document["components"]["schemas"].as_object().unwrap_or(&none);
    let groups = groups(document);
    let mut html = Html::new(schemas.keys().cloned().collect::<BTreeSet<_>>());
    html.raw("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.raw("<title>Bellwire: the HTTP API</title>\n<style>").raw(STYLE).raw("</style>\n");
    html.raw("<a class=\"skip\" href=\"#top\">To the text</a>\n");
    contents(&groups, schemas, &mut html);
    html.raw("<main id=\"top\">\n");
    introduction(document, &mut html);
    for (tag, operations) in &groups {
        html.raw("<section><h2 id=\"").raw(GROUP).text(tag).raw("\">").text(tag).raw("</h2>\n");
        for of in operations {
            operation(of, document, schemas, &mut html);
        }
        html.raw("</section>\n");
    }
    html.raw("<section><h2 id=\"schemas\">Schemas</h2>\n");
    for (name, schema) in schemas {
        html.raw("<article><h3 id=\"").raw(SCHEMA).text(name).raw("\">").text(name).raw("</h3>");
        whole_schema(schema, &mut html);
        html.raw("</article>\n");
    }
    html.raw("</section>\n</main>\n</html>\n");
    html.finish()
}

fn contents(groups: &[(&str, Vec<Operation<'_>>)], schemas: &Map<String, Value>, html: &mut Html) {
    html.raw("<nav aria-label=\"Contents\">\n<p><a href=\"#top\">Bellwire</a></p>\n");
    for (tag, operations) in groups {
        html.raw("<h2>").link(GROUP, tag, tag).raw("</h2><ul>");
        for Operation { method, path, said } in operations {
            let id = said["operationId"].as_str().unwrap_or_default();
            html.raw("<li><a href=\"#").text(id).raw("\">");
            badge(method, html);
            html.text(path.trim_start_matches("/v1")).raw("</a></li>");
        }
        html.raw("</ul>\n");
    }
    html.raw("<h2><a href=\"#schemas\">Schemas</a></h2><ul class=\"names\">");
    for name in schemas.keys() {
        html.raw("<li>").link(SCHEMA, name, name).raw("</li>");
    }
    html.raw("</ul>\n</nav>\n");
}

fn introduction(document: &Value, html: &mut Html) {
    let info = &document["info"];
    html.raw("<h1>The HTTP API <small>");
    html.text(info["version"].as_str().unwrap_or_default()).raw("</small></h1>\n");
    html.prose(info["summary"].as_str().unwrap_or_default());
    html.raw(
        "<p>The same for programs: <a href=\"/openapi.json\">openapi.json</a>, OpenAPI 3.1. \
         Bodies are JSON. In the examples <code>$B</code> is the address of this server, \
         <code>$KEY</code> an API key, and other words with <code>$</code> are what stands in \
         braces in the path. A refusal is a problem document: ",
    );
    html.link(SCHEMA, "Problem", "Problem").raw(".</p>\n<h2>Keys and scopes</h2>\n");
    let keys = &document["components"]["securitySchemes"]["key"]["description"];
    html.prose(keys.as_str().unwrap_or_default());
}

fn badge(method: &str, html: &mut Html) {
    html.raw("<span class=\"method ").text(method).raw("\">");
    html.text(&method.to_uppercase()).raw("</span> ");
}

fn operation(of: &Operation<'_>, document: &Value, schemas: &Map<String, Value>, html: &mut Html) {
    let Operation { method, path, said } = of;
    let id = said["operationId"].as_str().unwrap_or_default();
    html.raw("<article><h3 id=\"").text(id).raw("\">");
    badge(method, html);
    html.code(path).raw("</h3>\n");
    html.prose(said["summary"].as_str().unwrap_or_default());
    html.raw("<p class=\"scope\">");
    match said["security"][0]["key"][0].as_str() {
        Some(scope) => html.raw("Scope: ").code(scope),
        None => html.raw("Open to everybody."),
    };
    html.raw("</p>\n");
    let parameters: Vec<_> = said["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|parameter| resolve(parameter, document))
        .collect();
    if !parameters.is_empty() {
        html.raw("<h4>Parameters</h4><table><thead><tr><th>Name<th>Type<th>Meaning</thead><tbody>");
        for parameter in &parameters {
            let name = parameter["name"].as_str().unwrap_or_default();
            let is_required = parameter["required"] == true;
            schema::row(name, &parameter["schema"], &parameter["description"], is_required, html);
            let place = parameter["in"].as_str().unwrap_or_default();
            html.raw(" <span class=\"faint\">In the ").text(place).raw(".</span>");
        }
        html.raw("</tbody></table>\n");
    }
    let body = &said["requestBody"]["content"]["application/json"]["schema"];
    if !body.is_null() {
        html.raw("<h4>Body: ");
        schema::kind(body, html);
        html.raw("</h4>\n");
        schema::fields(schema::reference(body).map_or(body, |name| &schemas[name]), html);
    }
    answers(&said["responses"], document, html);
    html.raw("<pre class=\"curl\">").text(&curl(of, &parameters, body, schemas)).raw("</pre>\n");
    html.raw("</article>\n");
}

fn answers(responses: &Value, document: &Value, html: &mut Html) {
    html.raw("<h4>Answers</h4>");
    html.raw("<table><thead><tr><th>Status<th>Type<th>Meaning</thead><tbody>");
    for (status, response) in responses.as_object().into_iter().flatten() {
        let response = resolve(response, document);
        html.raw("<tr><td>").code(status).raw("<td>");
        let contents = response["content"].as_object().into_iter().flatten();
        for (i, (media, content)) in contents.enumerate() {
            html.raw(if i == 0 { "" } else { "<br>" });
            schema::kind(&content["schema"], html);
            html.raw(" <span class=\"faint\">").text(media).raw("</span>");
        }
        html.raw("<td>").line(response["description"].as_str().unwrap_or_default());
    }
    html.raw("</tbody></table>\n");
}

/// A line for a shell that asks for it.
fn curl(
    of: &Operation<'_>,
    parameters: &[&Value],
    body: &Value,
    schemas: &Map<String, Value>,
) -> String {
    let mut words = vec!["curl".to_owned()];
    if of.said["security"][0].is_object() {
        words.push("-H \"Authorization: Bearer $KEY\"".to_owned());
    }
    // A body makes it a POST by itself.
    if !["get", "post"].contains(&of.method) {
        words.push(format!("-X {}", of.method.to_uppercase()));
    }
    let wanted = parameters.iter().filter(|p| p["in"] == "query" && p["required"] == true);
    let wanted = wanted.map(|p| {
        let value = schema::sample(&p["schema"], schemas, "alice");
        format!("{}={}", p["name"].as_str().unwrap_or_default(), value.as_str().unwrap_or("…"))
    });
    let query = wanted.collect::<Vec<_>>().join("&");
    let mark = if query.is_empty() { "" } else { "?" };
    let path = of.path.replace('{', "$").replace('}', "");
    words.push(format!("\"$B{path}{mark}{query}\""));
    if !body.is_null() {
        let sample = schema::sample(body, schemas, "alice");
        words.push(format!("\\\n  -H 'Content-Type: application/json' -d '{sample}'"));
    }
    words.join(" ")
}

fn whole_schema(schema: &Value, html: &mut Html) {
    html.prose(schema["description"].as_str().unwrap_or_default());
    if schema["properties"].is_object() {
        schema::fields(schema, html);
    } else if schema.get("oneOf").is_some() {
        schema::words(schema, html);
    } else {
        html.raw("<p class=\"type\">");
        schema::kind(schema, html);
        html.raw("</p>");
    }
}

/// The thing itself where the document refers to it.
fn resolve<'a>(thing: &'a Value, document: &'a Value) -> &'a Value {
    let pointer = thing["$ref"].as_str().and_then(|r| r.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(thing)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands in each attribute of this name.
    fn attributes<'a>(page: &'a str, name: &str) -> Vec<&'a str> {
        let begin = format!(" {name}=\"");
        let parts: Vec<_> = page.split(begin.as_str()).skip(1).collect();
        parts.into_iter().filter_map(|rest| rest.split('"').next()).collect()
    }

    #[test]
    fn everything_has_its_place_and_every_link_leads_to_one() {
        let document = openapi::make();
        let page = page(&document);
        let places = attributes(&page, "id");
        let each: BTreeSet<_> = places.iter().copied().collect();
        assert_eq!(each.len(), places.len(), "two places have one name");
        let mut operations = 0;
        for said in document["paths"].as_object().expect("paths").values() {
            for operation in said.as_object().expect("operations").values() {
                let id = operation["operationId"].as_str().expect("a name");
                assert!(each.contains(id), "{id} is not on the page");
                operations += 1;
            }
        }
        assert_eq!(page.matches("class=\"curl\"").count(), operations);
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        for name in schemas.keys() {
            assert!(each.contains(format!("{SCHEMA}{name}").as_str()), "{name} is not on the page");
        }
        let links = attributes(&page, "href");
        assert!(links.len() > operations + schemas.len());
        for link in links.into_iter().filter(|link| *link != "/openapi.json") {
            let place = link.strip_prefix('#').expect("a link within the page");
            assert!(each.contains(place), "{link} leads nowhere");
        }
    }

    #[test]
    fn an_operation_shows_how_to_ask_for_it() {
        let page = page(&openapi::make());
        let start = "\"$B/v1/calls\" \\\n  -H 'Content-Type: application/json' \
                     -d '{\"from\":\"alice\",\"to\":[\"bob\"]}'";
        let mut html = Html::default();
        html.text(start);
        assert!(page.contains(&html.finish()), "a body with what must be given");
        assert!(page.contains("-X PATCH &quot;$B/v1/calls/$id&quot;"));
        assert!(page.contains("/v1/records/export?format="));
        assert!(page.contains("Scope: <code>records:read</code>"));
        assert!(!page.contains("<script") && !page.contains("src="), "nothing from elsewhere");
    }
}
