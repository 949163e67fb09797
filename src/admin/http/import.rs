//! Users and numbers as CSV files, in and out.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio_util::codec::{BytesCodec, FramedRead};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::distribution::Change;
use crate::license::{GroupId, SERVER, Viewer};
use crate::roster::{self, Export, Fault, Faults, Ground};
use crate::store::Author;

use super::body::unread_bytes;
use super::caller::Caller;
use super::params::Query;
use super::problem::{FieldFault, ObstacleRow, Problem, Problems};
use super::writes::{Asked, WarningRow};
use super::{Api, names};

/// Bytes of a file, at most.
pub(super) const IMPORT_MAX: usize = 16 * 1024 * 1024;
/// Lines of a file, at most: it is written in one transaction, while somebody waits.
pub(super) const IMPORT_LINES: usize = 20_000;
/// What may wait for a slow reader.
const AHEAD: usize = 64 * 1024;

/// What a file came to, or would come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ImportReport {
    /// Whether nothing was written because only that was asked.
    pub dry_run: bool,
    /// New users.
    pub users: usize,
    /// New numbers.
    pub numbers: usize,
    /// New licenses.
    pub licenses: usize,
    /// There already, as given.
    pub present: usize,
    /// Everything that is wrong; of a dry run only.
    pub faults: Vec<Fault>,
    /// The sums among the faults, as data.
    pub obstacles: Vec<ObstacleRow>,
    pub warnings: Vec<WarningRow>,
}

/// For which group, and whether in earnest.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportUsers {
    /// The group below which the users are.
    group: i64,
    /// Only say what would come of it.
    #[serde(default)]
    #[param(required = false)]
    dry_run: bool,
}

/// Whether in earnest.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportNumbers {
    /// Only say what would come of it.
    #[serde(default)]
    #[param(required = false)]
    dry_run: bool,
}

/// Of which group.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Exported {
    /// This group and all below it; default: everything, for server administrators.
    group: Option<i64>,
}

/// What was read of a file.
struct Plan {
    change: Option<Change>,
    users: usize,
    numbers: usize,
    licenses: usize,
    present: usize,
}

/// The routes of files.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(users))
        .routes(routes!(numbers))
        .layer(DefaultBodyLimit::max(IMPORT_MAX))
        .routes(routes!(export_users))
        .routes(routes!(export_numbers))
}

/// Create users, numbers and licenses from a file
///
/// CSV with the columns name, email, group (the path below the group that the file is for), number, kind,
/// password, sip_numbers, mobile_apps, valid_from, valid_until, features, license_type, suspended, in any
/// order; only name is needed. Several lines of one name add numbers, groups and licenses. It is written
/// whole, or nothing of it; a dry run lists every fault by line.
#[utoipa::path(post, path = "/import/users", tag = "files", operation_id = "import_users",
    params(ImportUsers, ("Idempotency-Key" = Option<String>, Header, max_length = 255)),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, description = "What came of it, or would", body = ImportReport),
        Problems))]
async fn users(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(ImportUsers { group, dry_run }): Query<ImportUsers>,
    asked: Asked,
    headers: HeaderMap,
    file: Result<Bytes, BytesRejection>,
) -> Result<Json<ImportReport>, Problem> {
    let file = csv(&headers, file)?;
    let top = over(&api, &by.viewer, Some(group))?;
    let read = move |ground: &Ground<'_>| {
        let (plan, _) = roster::users(&file, (top, IMPORT_LINES), ground)?;
        let read = Plan {
            change: (!plan.is_empty()).then(|| plan.change()),
            users: plan.users,
            numbers: plan.numbers,
            licenses: plan.licenses,
            present: plan.present,
        };
        Ok(read)
    };
    import(&api, &by, &asked, dry_run, read).await
}

/// Create numbers from a file
///
/// CSV with the columns number, then group (its path) or user (its name), kind and password, in any order.
#[utoipa::path(post, path = "/import/numbers", tag = "files", operation_id = "import_numbers",
    params(ImportNumbers, ("Idempotency-Key" = Option<String>, Header, max_length = 255)),
    request_body(content = String, content_type = "text/csv"),
    responses((status = 200, description = "What came of it, or would", body = ImportReport),
        Problems))]
async fn numbers(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(ImportNumbers { dry_run }): Query<ImportNumbers>,
    asked: Asked,
    headers: HeaderMap,
    file: Result<Bytes, BytesRejection>,
) -> Result<Json<ImportReport>, Problem> {
    let file = csv(&headers, file)?;
    by.viewer.administered_groups()?;
    let read = move |ground: &Ground<'_>| {
        let (plan, _) = roster::numbers(&file, IMPORT_LINES, ground)?;
        let read = Plan {
            change: (!plan.new.is_empty()).then(|| plan.change()),
            users: 0,
            numbers: plan.new.len(),
            licenses: 0,
            present: plan.present,
        };
        Ok(read)
    };
    import(&api, &by, &asked, dry_run, read).await
}

/// Write users to a file
///
/// As `import` reads it for the same group. Passwords are not in it.
#[utoipa::path(get, path = "/export/users", tag = "files", operation_id = "export_users",
    params(Exported),
    responses((status = 200, description = "CSV", body = String, content_type = "text/csv"), Problems))]
async fn export_users(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(Exported { group }): Query<Exported>,
) -> Result<Response, Problem> {
    let top = over(&api, &by.viewer, group)?;
    let export = roster::exported_users(&api.live.world(), top);
    Ok(file("users.csv", &api, by.viewer, export))
}

/// Write numbers to a file
///
/// As `import` reads it. Passwords are not in it.
#[utoipa::path(get, path = "/export/numbers", tag = "files", operation_id = "export_numbers",
    params(Exported),
    responses((status = 200, description = "CSV", body = String, content_type = "text/csv"), Problems))]
async fn export_numbers(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(Exported { group }): Query<Exported>,
) -> Result<Response, Problem> {
    let top = over(&api, &by.viewer, group)?;
    let export = roster::exported_numbers(&api.live.world(), top);
    Ok(file("numbers.csv", &api, by.viewer, export))
}

/// A group that they administer; without one the server.
fn over(api: &Api, viewer: &Viewer, group: Option<i64>) -> Result<GroupId, Problem> {
    let world = api.live.world();
    let group = match group {
        Some(id) => names::group(&world.tree, viewer, id)?.id,
        None => SERVER,
    };
    if viewer.administers(&world.tree, group) { Ok(group) } else { Err(Problem::forbidden()) }
}

/// The bytes of a file that says it is CSV, or says nothing.
fn csv(headers: &HeaderMap, file: Result<Bytes, BytesRejection>) -> Result<Bytes, Problem> {
    let kind = headers.get(CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or_default());
    let kind = kind.map(|kind| kind.split(';').next().unwrap_or_default().trim());
    match kind {
        None => {}
        Some(kind) if kind.eq_ignore_ascii_case("text/csv") => {}
        Some(_) => return Err(Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)),
    }
    file.map_err(unread_bytes)
}

async fn import(
    api: &Arc<Api>,
    by: &Author,
    asked: &Asked,
    dry_run: bool,
    read: impl FnOnce(&Ground<'_>) -> Result<Plan, Faults> + Send + 'static,
) -> Result<Json<ImportReport>, Problem> {
    let (reader, viewer) = (Arc::clone(api), by.viewer.clone());
    // A large file takes its time, and others are to be answered meanwhile.
    let planned = tokio::task::spawn_blocking(move || plan(&reader, &viewer, read)).await;
    let planned = planned.map_err(|_| Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR))?;
    let plan = match planned {
        Ok(planned) => planned,
        Err(faults) if dry_run => return Ok(Json(ImportReport::faulty(faults))),
        Err(faults) => return Err(refused(faults)),
    };
    let mut report = ImportReport {
        dry_run,
        users: plan.users,
        numbers: plan.numbers,
        licenses: plan.licenses,
        present: plan.present,
        faults: Vec::new(),
        obstacles: Vec::new(),
        warnings: Vec::new(),
    };
    if let Some(change) = plan.change {
        report.warnings = match dry_run {
            true => api.preview(by, asked, false, change).await?,
            false => api.write(by, asked, false, change).await?.warnings,
        };
    }
    Ok(Json(report))
}

fn plan(
    api: &Api,
    viewer: &Viewer,
    read: impl FnOnce(&Ground<'_>) -> Result<Plan, Faults>,
) -> Result<Plan, Faults> {
    let world = api.live.world();
    let usage = api.live.in_use(&world);
    let spelling = |text: &str| api.live.number(text);
    let at = api.live.now();
    read(&Ground { world: &world, viewer, spelling: &spelling, at, usage: &usage })
}

/// The faults as fields, each by its line.
fn refused(faults: Faults) -> Problem {
    let field = |fault: &Fault| match &fault.column {
        Some(column) => format!("lines[{}].{column}", fault.line),
        None => format!("lines[{}]", fault.line),
    };
    let errors = faults
        .lines
        .iter()
        .map(|fault| FieldFault { field: field(fault), message: fault.error.clone() });
    let obstacles = faults.obstacles.iter().map(obstacle).collect();
    Problem::fields(errors.collect()).with_obstacles(obstacles)
}

/// Of a sum only what may still be asked for is told: the file's reader need not see the gate.
fn obstacle(obstacle: &crate::license::distribution::Obstacle) -> ObstacleRow {
    ObstacleRow { granted: None, ..ObstacleRow::of(obstacle) }
}

impl ImportReport {
    fn faulty(faults: Faults) -> Self {
        Self {
            dry_run: true,
            users: 0,
            numbers: 0,
            licenses: 0,
            present: 0,
            obstacles: faults.obstacles.iter().map(obstacle).collect(),
            faults: faults.lines,
            warnings: Vec::new(),
        }
    }
}

/// A file that goes out as it is made: no more of it is kept than a slow reader leaves waiting.
fn file(name: &str, api: &Arc<Api>, viewer: Viewer, mut export: Export) -> Response {
    let (reader, mut writer) = tokio::io::duplex(AHEAD);
    let world = api.live.world();
    tokio::spawn(async move {
        while let Some(piece) = export.piece(&world, &viewer) {
            // Whoever reads may stop at any time.
            if writer.write_all(&piece).await.is_err() {
                return;
            }
        }
    });
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, Body::from_stream(FramedRead::new(reader, BytesCodec::new()))).into_response()
}
