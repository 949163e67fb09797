//! The description of the API (OpenAPI 3.1), made from the code, and a page to try it.

use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, SecurityRequirement,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::SwaggerUi;

use super::caller::SESSION_COOKIE;
use super::{fields, problem, routes};

/// Where everything lives.
pub(super) const ROOT: &str = "/api/v1";
/// The page to try it.
pub(super) const DOCS: &str = "/api/v1/docs";
const DESCRIPTION: &str = "\
Distribution of licenses: groups, users, numbers and who may have how many of them registered.

Send a token as `Authorization: Bearer TOKEN`, or sign in; a change in a session needs its word in \
`X-CSRF-Token`. Problems are `application/problem+json` (RFC 9457). Lists come in pages: pass `next` as \
`cursor`. A record's `ETag` goes into `If-Match` of the change, so that nobody's work is overwritten; an \
`Idempotency-Key` makes a repeated POST happen once; a secret is shown \
the first time only. Times are RFC 3339 in UTC; unlimited is null.";

/// The description alone.
pub fn openapi() -> OpenApi {
    described().into_openapi()
}

/// Every route under its place, with the description.
pub(super) fn described() -> OpenApiRouter<std::sync::Arc<super::Api>> {
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let cookie = ApiKey::Cookie(ApiKeyValue::new(SESSION_COOKIE));
    let mut components = ComponentsBuilder::new()
        .security_scheme("token", bearer)
        .security_scheme("session", SecurityScheme::ApiKey(cookie));
    for (name, schema) in problem::schemas().into_iter().chain(fields::schemas()) {
        components = components.schema(name, schema);
    }
    let info = InfoBuilder::new()
        .title("admitd")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION));
    let none: [&str; 0] = [];
    let own = OpenApiBuilder::new()
        .info(info)
        .components(Some(components.build()))
        .security(Some([
            SecurityRequirement::new("token", none),
            SecurityRequirement::new("session", none),
        ]))
        .build();
    OpenApiRouter::with_openapi(own).nest(ROOT, routes())
}

/// The page to try it, and the description that it reads.
pub(super) fn page(description: OpenApi) -> SwaggerUi {
    SwaggerUi::new(DOCS).url(format!("{ROOT}/openapi.json"), description)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn description() -> Value {
        serde_json::to_value(openapi()).unwrap()
    }

    /// Every operation, as (method and path, itself).
    fn operations(description: &Value) -> Vec<(String, Value)> {
        let paths = description["paths"].as_object().unwrap().iter();
        let operations = paths.flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (format!("{method} {path}"), operation.clone()))
        });
        operations.collect()
    }

    #[test]
    fn every_operation_says_what_it_does_and_allows_every_problem() {
        let description = description();

        let operations = operations(&description);

        assert!(!operations.is_empty());
        assert_eq!(description["openapi"], "3.1.0");
        for (name, operation) in operations {
            assert!(name.contains(" /api/v1/"), "{name}");
            assert!(operation["summary"].is_string(), "{name} has no summary");
            for status in ["400", "401", "403", "404", "413", "429", "503"] {
                assert!(operation["responses"][status].is_object(), "{name} lacks {status}");
            }
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own() {
        let mut names = BTreeSet::new();

        for (name, operation) in operations(&description()) {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            assert!(names.insert(id), "the id of {name} is there already");
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let description = description();
        let mut open = vec![&description];

        while let Some(value) = open.pop() {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(reference)) = fields.get("$ref") {
                        let pointer = reference.trim_start_matches('#');
                        assert!(description.pointer(pointer).is_some(), "{reference}");
                    }
                    open.extend(fields.values());
                }
                Value::Array(items) => open.extend(items),
                _ => {}
            }
        }
    }
}
