//! May a user or a number use or configure a feature now: asked by app back ends and door controllers,
//! answered from memory.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{Action, Assignment, Feature, Holder, Moment, Viewer, World};
use crate::view::{self, Entitlement, Subject};

use super::body::{Body, Object};
use super::caller::{Asker, Caller};
use super::fields::{ActionWord, FeatureWord, NumberText};
use super::params::Query;
use super::problem::{Problem, Problems};
use super::{Api, names};

/// Questions of one request, at most.
const MOST: usize = 1_000;

/// Who, and what.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// The user; this or `number`.
    user: Option<i64>,
    /// The number; this or `user`.
    #[param(max_length = 300)]
    number: Option<String>,
    /// Default: every feature.
    #[param(inline)]
    feature: Option<FeatureWord>,
    /// Default: `use`.
    #[param(inline)]
    action: Option<ActionWord>,
}

/// One question.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Question {
    /// The user; this or `number`.
    #[serde(default)]
    user: Option<i64>,
    /// The number; this or `user`.
    #[serde(default)]
    number: Option<NumberText>,
    feature: FeatureWord,
    /// Default: `use`.
    #[serde(default)]
    action: Option<ActionWord>,
}

/// Many questions.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Questions {
    #[schema(value_type = Vec<Question>, min_items = 1, max_items = 1000)]
    questions: Vec<Object<Question>>,
}

/// An answer to each question, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AnswerList {
    pub items: Vec<Entitlement>,
}

/// The routes of entitlements.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(ask, ask_many))
}

/// Say what a user or a number may use or configure
///
/// A number that is not yours to see is an unknown number.
#[utoipa::path(get, path = "/entitlements", tag = "entitlements", operation_id = "entitlements",
    params(Asked),
    responses((status = 200, description = "An answer for each feature", body = AnswerList), Problems))]
async fn ask(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<AnswerList>, Problem> {
    let world = api.live.world();
    let (name, subject) = match (asked.user, &asked.number) {
        (Some(id), None) => {
            let user = names::user(&world.tree, &by.viewer, id)?;
            (format!("user:{}", user.name), Subject::Holder(Holder::User(user.id)))
        }
        (None, Some(text)) => numbered(&api, &world, &by.viewer, text)
            .map_err(|fault| Problem::parameter("number", fault))?,
        _ => return Err(Problem::parameter("user", "name either a user or a number")),
    };
    let feature = asked.feature.map(|FeatureWord(feature)| vec![feature]);
    let features = feature.unwrap_or_else(|| Feature::ALL.to_vec());
    let action = asked.action.map_or(Action::Use, |ActionWord(action)| action);
    let items = answers(&world, &by.viewer, (&name, &subject), &features, action, api.live.now());
    Ok(Json(AnswerList { items }))
}

/// Answer many questions at once
///
/// A user that is not there, or not yours to see, is answered with the cause `unknown_user`.
#[utoipa::path(post, path = "/entitlements", tag = "entitlements", operation_id = "entitlements_batch",
    request_body = Questions,
    responses((status = 200, description = "An answer to each, in their order", body = AnswerList),
        Problems))]
async fn ask_many(
    State(api): State<Arc<Api>>,
    Asker(by): Asker,
    Body(Questions { questions }): Body<Questions>,
) -> Result<Json<AnswerList>, Problem> {
    if questions.is_empty() || questions.len() > MOST {
        return Err(Problem::field("questions", format!("there are 1 to {MOST}")));
    }
    let (world, now) = (api.live.world(), api.live.now());
    let mut items = Vec::new();
    for (at, Object(question)) in questions.into_iter().enumerate() {
        let FeatureWord(feature) = question.feature;
        let action = question.action.map_or(Action::Use, |ActionWord(action)| action);
        let place = |field: &str| format!("questions[{at}].{field}");
        let (name, subject) = match (question.user, &question.number) {
            (Some(id), None) => match names::user(&world.tree, &by.viewer, id) {
                Ok(user) => (format!("user:{}", user.name), Subject::Holder(Holder::User(user.id))),
                Err(_) => {
                    items.push(unknown_user(id, feature, action));
                    continue;
                }
            },
            (None, Some(NumberText(text))) => numbered(&api, &world, &by.viewer, text)
                .map_err(|fault| Problem::field(place("number"), fault))?,
            _ => return Err(Problem::field(place("user"), "name either a user or a number")),
        };
        let subject = (name.as_str(), &subject);
        items.extend(answers(&world, &by.viewer, subject, &[feature], action, now));
    }
    Ok(Json(AnswerList { items }))
}

fn numbered(
    api: &Api,
    world: &World,
    viewer: &Viewer,
    text: &str,
) -> Result<(String, Subject), String> {
    let number = api.live.number(text)?;
    let subject = view::subject(world, viewer, &number)?;
    Ok((number, subject))
}

fn answers(
    world: &World,
    viewer: &Viewer,
    subject: (&str, &Subject),
    features: &[Feature],
    action: Action,
    now: Moment,
) -> Vec<Entitlement> {
    let roles = roles(viewer, subject.1);
    view::entitlements(world, viewer, subject, features, (action, roles), now)
}

/// The roles of the person that is asked about, as far as whoever asks may go by them.
fn roles<'v>(viewer: &'v Viewer, subject: &Subject) -> &'v [Assignment] {
    match subject {
        Subject::Holder(Holder::User(user)) if viewer.user == Some(*user) => &viewer.assignments,
        Subject::Holder(Holder::User(user)) => {
            viewer.others.as_ref().map(|others| others.of(*user)).unwrap_or_default()
        }
        Subject::Holder(Holder::Group(_)) | Subject::Nobody => &[],
    }
}

fn unknown_user(id: i64, feature: Feature, action: Action) -> Entitlement {
    Entitlement {
        subject: format!("user {id}"),
        feature: feature.name().to_owned(),
        action: action.name().to_owned(),
        allowed: false,
        until: None,
        from: None,
        cause: Some("unknown_user".to_owned()),
        bound_by: None,
    }
}
