//! What is to be told, one delivery of a webhook after the other, the oldest first. One that was not
//! taken comes again later and lets the next ones pass, until there are too many such. Bounded: where
//! too many wait the oldest give way, and are counted.

use std::collections::BTreeSet;

use crate::license::Moment;

use super::super::sql::{Conn, sql};
use super::super::{Result, Store};

/// Deliveries of one webhook that wait at once.
const QUEUED_MAX: i64 = 1_000;
/// Deliveries of one webhook that wait for another attempt before the ones after them wait too.
const PASSED_MAX: i64 = 10;
/// Deliveries of one webhook that are over and still listed.
const KEPT_MAX: i64 = 500;
const KEPT_SECS: i64 = 7 * 24 * 3600;
/// Longer than an attempt takes: whoever died at it is followed by another.
const LEASE_SECS: i64 = 60;
/// After that a delivery is given up.
const GIVEN_UP_SECS: i64 = 24 * 3600;
const FIRST_PAUSE_SECS: i64 = 10;
const LONGEST_PAUSE_SECS: i64 = 3600;

/// A delivery to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    pub webhook: i64,
    pub event: &'static str,
    pub payload: String,
    /// What this tells once, and until when that matters; `None`: it may be told again.
    pub subject: Option<(String, Moment)>,
}

/// A delivery whose turn has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub id: i64,
    pub url: String,
    pub secret: String,
    pub trusted: bool,
    pub payload: String,
}

/// How an attempt went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What the other side answered.
    pub status: Option<u16>,
    /// `None`: it arrived.
    pub error: Option<String>,
}

/// A delivery as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: i64,
    pub event: String,
    pub payload: String,
    /// `queued`, `done` or `failed`.
    pub state: String,
    pub attempts: i64,
    pub next_attempt_at: Moment,
    pub last_status: Option<i64>,
    pub last_error: Option<String>,
    pub created_at: Moment,
}

impl Store {
    /// Queues deliveries, the oldest first; those that tell once what was told before are left out.
    pub async fn queue_deliveries(&self, queued: &[Queued], now: Moment) -> Result<()> {
        if queued.is_empty() {
            return Ok(());
        }
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        let mut touched = BTreeSet::new();
        for one in queued {
            if queue(conn, one, now).await? {
                touched.insert(one.webhook);
            }
        }
        for webhook in touched {
            make_room(conn, webhook).await?;
        }
        writing.commit().await?;
        Ok(())
    }

    /// The deliveries whose turn it is, at most one of each webhook; nobody else gets them for a while.
    pub async fn lease_deliveries(&self, now: Moment) -> Result<Vec<Due>> {
        // Most of the time nothing is due: no writer is stopped for that.
        let mut conn = self.conn().await?;
        if ready(&mut conn, now).await?.is_empty() {
            return Ok(Vec::new());
        }
        drop(conn);
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        let ready = ready(conn, now).await?;
        let mut due = Vec::new();
        for (id, url, secret, trusted, payload) in ready {
            sql("update deliveries set lease = ? where id = ?")
                .bind(now.0 + LEASE_SECS)
                .bind(id)
                .execute(conn)
                .await?;
            due.push(Due { id, url, secret, trusted, payload });
        }
        writing.commit().await?;
        Ok(due)
    }

    /// Notes how an attempt went: over, to be tried again later, or given up.
    pub async fn settle_delivery(&self, id: i64, attempt: &Attempt, now: Moment) -> Result<()> {
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        let found: Option<(i64, i64)> =
            sql("select attempts, created_at from deliveries where id = ?")
                .bind(id)
                .optional(conn)
                .await?;
        // Its webhook was removed meanwhile.
        let Some((attempts, created_at)) = found else { return Ok(()) };
        let state = match &attempt.error {
            None => "done",
            Some(_) if now.0 - created_at >= GIVEN_UP_SECS => "failed",
            Some(_) => "queued",
        };
        sql("update deliveries set state = ?, attempts = attempts + 1, lease = 0,
                next_attempt_at = ?, last_status = ?, last_error = ? where id = ?")
        .bind(state)
        .bind(now.0 + pause_secs(attempts))
        .bind(attempt.status.map(i64::from))
        .bind(attempt.error.as_deref())
        .bind(id)
        .execute(conn)
        .await?;
        writing.commit().await?;
        Ok(())
    }

    /// Removes what is over for long.
    pub async fn prune_deliveries(&self, now: Moment) -> Result<()> {
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        sql("delete from webhook_subjects where until < ?").bind(now.0).execute(conn).await?;
        sql("delete from deliveries where state <> 'queued' and created_at < ?")
            .bind(now.0 - KEPT_SECS)
            .execute(conn)
            .await?;
        let full: Vec<(i64,)> = sql("select webhook_id from deliveries where state <> 'queued'
             group by webhook_id having count(*) > ?")
        .bind(KEPT_MAX)
        .all(conn)
        .await?;
        for (webhook,) in full {
            sql("delete from deliveries where webhook_id = ? and state <> 'queued' and id not in (
                    select id from deliveries where webhook_id = ? and state <> 'queued'
                    order by id desc limit ?)")
            .bind(webhook)
            .bind(webhook)
            .bind(KEPT_MAX)
            .execute(conn)
            .await?;
        }
        writing.commit().await?;
        Ok(())
    }
}

/// How long after an attempt the next one comes: 10 s, twice that each time, at most an hour.
fn pause_secs(attempts: i64) -> i64 {
    let doubled =
        u32::try_from(attempts).ok().and_then(|n| FIRST_PAUSE_SECS.checked_shl(n.min(20)));
    doubled.unwrap_or(LONGEST_PAUSE_SECS).clamp(FIRST_PAUSE_SECS, LONGEST_PAUSE_SECS)
}

type Ready = (i64, String, String, bool, String);

/// The oldest that is due of each webhook that nobody is at.
async fn ready(conn: &mut Conn, now: Moment) -> Result<Vec<Ready>> {
    sql("select deliveries.id, url, secret, trusted, payload from webhooks
            join deliveries on deliveries.id = (
                select min(case when next_attempt_at <= ? then oldest.id end) from (
                    select id, next_attempt_at, lease from deliveries
                    where webhook_id = webhooks.id and state = 'queued' order by id limit ?
                ) as oldest having max(lease) <= ?
            )
         where enabled order by deliveries.id limit 100")
    .bind(now.0)
    .bind(PASSED_MAX)
    .bind(now.0)
    .all(conn)
    .await
}

/// Whether it was queued: its webhook is there, and was not told before.
async fn queue(conn: &mut Conn, one: &Queued, now: Moment) -> Result<bool> {
    let there: Option<(i64,)> =
        sql("select id from webhooks where id = ?").bind(one.webhook).optional(conn).await?;
    if there.is_none() {
        return Ok(false);
    }
    if let Some((subject, until)) = &one.subject {
        let new = sql("insert into webhook_subjects (webhook_id, subject, until) values (?, ?, ?)
             on conflict (webhook_id, subject) do nothing")
        .bind(one.webhook)
        .bind(&**subject)
        .bind(until.0)
        .execute(conn)
        .await?;
        if new == 0 {
            return Ok(false);
        }
    }
    sql("insert into deliveries (webhook_id, event, payload, next_attempt_at, created_at)
         values (?, ?, ?, ?, ?)")
    .bind(one.webhook)
    .bind(one.event)
    .bind(&*one.payload)
    .bind(now.0)
    .bind(now.0)
    .execute(conn)
    .await?;
    Ok(true)
}

async fn make_room(conn: &mut Conn, webhook: i64) -> Result<()> {
    let gone =
        sql("delete from deliveries where webhook_id = ? and state = 'queued' and id not in (
            select id from deliveries where webhook_id = ? and state = 'queued'
            order by id desc limit ?)")
        .bind(webhook)
        .bind(webhook)
        .bind(QUEUED_MAX)
        .execute(conn)
        .await?;
    if gone > 0 {
        sql("update webhooks set dropped = dropped + ? where id = ?")
            .bind(i64::try_from(gone).unwrap_or(i64::MAX))
            .bind(webhook)
            .execute(conn)
            .await?;
    }
    Ok(())
}

type Columns = (i64, String, String, String, i64, i64, Option<i64>, Option<String>, i64);

/// The last deliveries of a webhook, newest first; those below the id `before`.
pub(super) async fn of(
    conn: &mut Conn,
    webhook: i64,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<Delivery>> {
    let found: Vec<Columns> = sql("select id, event, payload, state, attempts, next_attempt_at,
            last_status, last_error, created_at
         from deliveries where webhook_id = ? and id < ? order by id desc limit ?")
    .bind(webhook)
    .bind(before.unwrap_or(i64::MAX))
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .all(conn)
    .await?;
    Ok(found.into_iter().map(delivery).collect())
}

fn delivery(columns: Columns) -> Delivery {
    let (id, event, payload, state, attempts, next_attempt_at, last_status, last_error, created_at) =
        columns;
    Delivery {
        id,
        event,
        payload,
        state,
        attempts,
        next_attempt_at: Moment(next_attempt_at),
        last_status,
        last_error,
        created_at: Moment(created_at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_grow_from_ten_seconds_to_an_hour() {
        let pauses: Vec<i64> = [0, 1, 2, 8, 9, 100, i64::MAX].map(pause_secs).to_vec();

        assert_eq!(pauses, [10, 20, 40, 2560, 3600, 3600, 3600]);
    }
}
