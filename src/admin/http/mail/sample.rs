//! A mail to look at, and one to see that mails arrive.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::reminders::{self, Rendered, TestFault};

use super::super::body::Body;
use super::super::caller::Caller;
use super::super::fields::{Email, MailEventWord};
use super::super::problem::{Problem, Problems};
use super::super::tries::Tried;
use super::super::{Api, names};
use super::for_server;

/// A mail server that takes longer is not waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which mail to look at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewBody {
    group: i64,
    event: MailEventWord,
}

/// A mail as it would be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MailPreview {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Whom to send a test mail.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestBody {
    to: Email,
}

/// What became of a test mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MailTest {
    pub to: String,
    /// Whether the mail server took it.
    pub sent: bool,
    pub error: Option<String>,
}

/// Show a mail about a group as its administrator would read it now
///
/// For server administrators. Where nothing ends it is an example.
#[utoipa::path(post, path = "/mail/preview", tag = "mail", operation_id = "preview_mail",
    request_body = PreviewBody,
    responses((status = 200, description = "The mail; nothing is sent", body = MailPreview), Problems))]
pub(super) async fn preview(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Body(asked): Body<PreviewBody>,
) -> Result<Json<MailPreview>, Problem> {
    let world = api.live.world();
    for_server(&world.tree, &by.viewer)?;
    let group = names::group(&world.tree, &by.viewer, asked.group)?.id;
    let (event, now) = (asked.event.0, api.live.now());
    let mail = reminders::preview(&api.store, &world.tree, group, event, now).await?;
    let Rendered { subject, text, html } = mail;
    Ok(Json(MailPreview { subject, text, html }))
}

/// Send a test mail now
///
/// For server administrators. A few at once, then one now and then.
#[utoipa::path(post, path = "/mail/test", tag = "mail", operation_id = "test_mail",
    request_body = TestBody,
    responses((status = 200, description = "What became of it", body = MailTest), Problems))]
pub(super) async fn send(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Body(asked): Body<TestBody>,
) -> Result<Json<MailTest>, Problem> {
    for_server(&api.live.world().tree, &by.viewer)?;
    let Some(server) = &api.mailing.server else {
        return Err(Problem::conflict("no mails are sent: the config has no [mail] section"));
    };
    api.tries.count(Tried::Mail)?;
    let Email(to) = asked.to;
    let sending = reminders::send_test(&api.store, server, &to, api.live.now());
    let error = match tokio::time::timeout(PATIENCE, sending).await {
        Ok(Ok(())) => None,
        Ok(Err(TestFault::Store(fault))) => return Err(fault.into()),
        Ok(Err(TestFault::Address(fault))) => return Err(Problem::field("to", fault)),
        Ok(Err(TestFault::Smtp(fault))) => Some(fault.to_string()),
        Err(_) => Some(format!("the mail server does not answer within {} s", PATIENCE.as_secs())),
    };
    Ok(Json(MailTest { to, sent: error.is_none(), error }))
}
