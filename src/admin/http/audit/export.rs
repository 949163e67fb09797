//! The record of changes as a file. It goes out page by page, as fast as it is read; one that breaks
//! off does not look as if it were whole.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio_util::bytes::BytesMut;
use tokio_util::codec::{Decoder, FramedRead};

use crate::license::Viewer;
use crate::store::{AuditQuery, AuditRow, Export, Form, Store};

use super::super::Api;
use super::super::caller::Caller;
use super::super::params::Query;
use super::super::problem::{Problem, Problems};
use super::AuditFilter;

/// Entries that are read at once.
const PAGE: usize = 500;
/// Bytes that wait for a slow reader.
const BUFFER: usize = 64 * 1024;

/// Export what was changed
///
/// For administrators: what happened in their groups and below, the newest first.
#[utoipa::path(get, path = "/audit.csv", tag = "audit", operation_id = "export_audit",
    params(AuditFilter),
    responses((status = 200, description = "CSV", body = String, content_type = "text/csv"), Problems))]
pub(super) async fn csv(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(filter): Query<AuditFilter>,
) -> Result<Response, Problem> {
    let world = api.live.world();
    let query = filter.query(&world.tree, &by.viewer, api.live.now())?;
    let query = AuditQuery { limit: PAGE, ..query };
    // What is not theirs, or cannot be read, is told before anything goes out.
    let first = api.store.audit(&query, &by.viewer).await?;
    let (mut to, from) = duplex(BUFFER);
    let whole = Arc::<AtomicBool>::default();
    let body = FramedRead::new(from, UntilWhole(Arc::clone(&whole)));
    let pages = Pages { store: Arc::clone(&api.store), query, viewer: by.viewer };
    tokio::spawn(async move {
        match write(pages, first, &mut to).await {
            // Before the end can be seen.
            Ok(()) => whole.store(true, Ordering::Release),
            Err(fault) => tracing::info!(%fault, "an export of the record of changes broke off"),
        }
    });
    let head = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (CONTENT_DISPOSITION, "attachment; filename=\"audit.csv\""),
    ];
    Ok((head, Body::from_stream(body)).into_response())
}

/// Where the next page comes from.
struct Pages {
    store: Arc<Store>,
    query: AuditQuery,
    viewer: Viewer,
}

async fn write(mut pages: Pages, first: Vec<AuditRow>, to: &mut DuplexStream) -> io::Result<()> {
    let mut export = Export::new(Form::Csv);
    let mut rows = first;
    loop {
        let piece = export.piece(&rows).map_err(io::Error::other)?;
        to.write_all(&piece).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        pages.query.before_id = Some(last.id);
        let next = pages.store.audit(&pages.query, &pages.viewer).await;
        rows = next.map_err(io::Error::other)?;
    }
}

/// Bytes as they come; the end is one only when all was written.
struct UntilWhole(Arc<AtomicBool>);

impl Decoder for UntilWhole {
    type Item = BytesMut;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        Ok((!bytes.is_empty()).then(|| bytes.split()))
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> io::Result<Option<BytesMut>> {
        match self.decode(bytes)? {
            None if !self.0.load(Ordering::Acquire) => Err(io::ErrorKind::UnexpectedEof.into()),
            found => Ok(found),
        }
    }
}
