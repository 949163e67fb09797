//! Mails, one row each, made before they are sent. A daemon claims a row for a while; what it may do
//! then depends on the row being still its own, so that of two daemons one sends.

use chrono::NaiveDate;

use crate::license::{GroupId, Moment};

use crate::store::sql::{Conn, sql};
use crate::store::{Result, Store};

/// How long a claim lasts. Longer than any exchange up to the point where content is sent.
const CLAIM_LEASE_SECS: i64 = 300;
/// How long a mail may be on its way: longer than the server is given to take it.
pub const SEND_LEASE_SECS: i64 = 1_200;
/// No attempt is put off for longer; one that seems to be was made by a clock that has been set back.
const LONGEST_WAIT_SECS: i64 = 8 * 3_600;

/// The mails about one due end of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Series {
    pub group: GroupId,
    pub event: &'static str,
    pub due_end: Moment,
}

/// Mails of one day of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMails {
    pub series: Series,
    pub day: NaiveDate,
    /// The instant at which they were due.
    pub due_at: Moment,
    pub addresses: Vec<String>,
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailState {
    /// Will be sent, or tried again.
    Queued,
    /// Its content may have reached the server.
    Sending,
    Sent,
    /// Given up.
    Failed,
    /// No longer wanted before it could be sent.
    Skipped,
}

/// A mail as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailRow {
    pub id: i64,
    pub group: GroupId,
    pub event: String,
    pub due_end: Moment,
    /// As 2024-11-24.
    pub day: String,
    pub address: String,
    pub state: MailState,
    pub made_at: Moment,
    pub attempts: i64,
    pub next_attempt_at: Moment,
    pub sent_at: Option<Moment>,
    pub error: Option<String>,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Sent,
    /// Once more, then.
    Again {
        at: Moment,
        error: String,
    },
    Failed(String),
    Skipped(String),
}

type Row =
    (i64, i64, String, i64, String, String, String, i64, i64, i64, Option<i64>, Option<String>);

const COLUMNS: &str = "select id, group_id, event, due_end, mail_date, address, state, made_at, \
                       attempts, next_attempt_at, sent_at, error from mails";

impl MailState {
    pub const ALL: [Self; 5] =
        [Self::Queued, Self::Sending, Self::Sent, Self::Failed, Self::Skipped];

    /// The word for it in SQL and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl std::str::FromStr for MailState {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        Self::ALL.into_iter().find(|state| state.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("no state of a mail is called {text:?}; there are {names}")
        })
    }
}

impl Store {
    /// Puts the mails of some days into the queue, each once: where the day has been dealt with, or a
    /// mail of the series was made since it was due, nothing is made. Gives how many were.
    pub async fn make_mails(&self, days: &[NewMails], now: Moment) -> Result<u64> {
        let mut writing = self.writing().await?;
        let mut made = 0;
        for day in days {
            if !is_dealt_with(writing.conn(), day, now).await? {
                made += make(writing.conn(), day, now).await?;
            }
        }
        writing.commit().await?;
        Ok(made)
    }

    /// Whether a day of a series has its mails, see [`Store::make_mails`].
    pub async fn has_mails(&self, day: &NewMails, now: Moment) -> Result<bool> {
        is_dealt_with(&mut self.conn().await?, day, now).await
    }

    /// When the next mail in the queue is to be tried.
    pub async fn next_mail(&self) -> Result<Option<Moment>> {
        // What is claimed is looked at again when the claim has ended.
        let next =
            sql("select min(case when coalesce(lease_until, 0) > next_attempt_at then lease_until
             else next_attempt_at end) from mails where state in ('queued', 'sending')");
        let next: Option<(Option<i64>,)> = next.optional(&mut self.conn().await?).await?;
        Ok(next.and_then(|(at,)| at).map(Moment))
    }

    /// Takes up to `most` mails that are to be sent by now: nobody else sends them while the claim
    /// lasts. What can no longer be sent is closed first.
    pub async fn claim_mails(&self, by: &str, now: Moment, most: i64) -> Result<Vec<MailRow>> {
        // Nearly always nothing waits: no writer is held up to find that out.
        let open = sql("select id from mails where state in ('queued', 'sending') limit 1");
        if open.optional::<(i64,)>(&mut self.conn().await?).await?.is_none() {
            return Ok(Vec::new());
        }
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        close(conn, now).await?;
        let rows = sql(format!(
            "{COLUMNS} where state = 'queued' and (next_attempt_at <= ? or next_attempt_at > ?)
             and (lease_until is null or lease_until <= ? or lease_until > ?)
             order by due_end, id limit ?"
        ))
        .bind(now.0)
        .bind(now.0 + LONGEST_WAIT_SECS)
        .bind(now.0)
        .bind(now.0 + CLAIM_LEASE_SECS)
        .bind(most);
        let rows: Vec<MailRow> = rows.all(conn).await?.into_iter().filter_map(mail).collect();
        if !rows.is_empty() {
            let mut claim = sql("update mails set claimed_by = ?, lease_until = ? where id in ")
                .bind(by)
                .bind(now.0 + CLAIM_LEASE_SECS);
            claim.push_list(rows.iter().map(|row| row.id));
            claim.execute(conn).await?;
        }
        writing.commit().await?;
        Ok(rows)
    }

    /// Notes that a mail's content goes out now. Where this says no, another daemon has taken it.
    pub async fn begin_sending(&self, id: i64, by: &str, now: Moment) -> Result<bool> {
        let mut writing = self.writing().await?;
        let begun =
            sql("update mails set state = 'sending', attempts = attempts + 1, lease_until = ?
             where id = ? and claimed_by = ? and state = 'queued'")
            .bind(now.0 + SEND_LEASE_SECS)
            .bind(id)
            .bind(by)
            .execute(writing.conn())
            .await?;
        writing.commit().await?;
        Ok(begun == 1)
    }

    /// Notes how an attempt ended, if the mail is still the caller's.
    pub async fn settle_mail(
        &self,
        id: i64,
        by: &str,
        outcome: &Outcome,
        now: Moment,
    ) -> Result<()> {
        let (state, next, sent, error) = match outcome {
            Outcome::Sent => (MailState::Sent, None, Some(now.0), None),
            Outcome::Again { at, error } => {
                (MailState::Queued, Some(at.0), None, Some(error.as_str()))
            }
            Outcome::Failed(error) => (MailState::Failed, None, None, Some(error.as_str())),
            Outcome::Skipped(error) => (MailState::Skipped, None, None, Some(error.as_str())),
        };
        let mut writing = self.writing().await?;
        sql(
            // An attempt that got as far as its content was counted when it did.
            "update mails set attempts = attempts + case when state = 'queued' then 1 else 0 end,
             state = ?, next_attempt_at = coalesce(?, next_attempt_at), sent_at = ?, error = ?,
             lease_until = null where id = ? and claimed_by = ?",
        )
        .bind(state.name())
        .bind(next)
        .bind(sent)
        .bind(error)
        .bind(id)
        .bind(by)
        .execute(writing.conn())
        .await?;
        writing.commit().await?;
        Ok(())
    }

    /// Gives mails back that were claimed and not tried.
    pub async fn release_mails(&self, ids: &[i64], by: &str, next: Moment) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let mut writing = self.writing().await?;
        let mut release =
            sql("update mails set lease_until = null, next_attempt_at = ? where state = 'queued'
             and claimed_by = ?")
            .bind(next.0)
            .bind(by);
        release.push(" and id in ").push_list(ids.iter().copied());
        release.execute(writing.conn()).await?;
        writing.commit().await?;
        Ok(())
    }

    /// The newest mails first, of a group and all below it or of all; those below the id `before`.
    pub async fn mails(
        &self,
        top: Option<GroupId>,
        state: Option<MailState>,
        before: Option<i64>,
        most: i64,
    ) -> Result<Vec<MailRow>> {
        let mut asked = sql(String::new());
        if let Some(top) = top {
            asked.push("with recursive below (id) as (select id from groups where id = ");
            asked.push_bind(top.0).push(
                " union all select groups.id from groups join below on groups.parent_id = below.id) ",
            );
        }
        asked.push(COLUMNS).push(" where id < ").push_bind(before.unwrap_or(i64::MAX));
        if top.is_some() {
            asked.push(" and group_id in (select below.id from below)");
        }
        if let Some(state) = state {
            asked.push(" and state = ").push_bind(state.name());
        }
        asked.push(" order by id desc limit ").push_bind(most);
        Ok(asked.all(&mut self.conn().await?).await?.into_iter().filter_map(mail).collect())
    }
}

/// A mail of the series that was made since this day was due stands for it: so a reminder that is set
/// anew, or a clock that is set back, makes no second one.
async fn is_dealt_with(conn: &mut Conn, day: &NewMails, now: Moment) -> Result<bool> {
    let found = sql("select id from mails where group_id = ? and event = ? and due_end = ?
         and (mail_date = ? or made_at between ? and ?) limit 1")
    .bind(day.series.group.0)
    .bind(day.series.event)
    .bind(day.series.due_end.0)
    .bind(day.day.to_string())
    .bind(day.due_at.0)
    .bind(now.0);
    Ok(found.optional::<(i64,)>(conn).await?.is_some())
}

async fn make(conn: &mut Conn, day: &NewMails, now: Moment) -> Result<u64> {
    let mut made = 0;
    for address in &day.addresses {
        made += sql(
            "insert into mails (group_id, event, due_end, mail_date, address, made_at, next_attempt_at)
             values (?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
        )
        .bind(day.series.group.0)
        .bind(day.series.event)
        .bind(day.series.due_end.0)
        .bind(day.day.to_string())
        .bind(address.as_str())
        .bind(now.0)
        .bind(now.0)
        .execute(conn)
        .await?;
    }
    Ok(made)
}

/// Closes what cannot be sent any more. A mail whose content was under way when its daemon died counts
/// as sent: nearly all of that time is the server's, who has the content and delivers it whether or not
/// its answer is heard; a second one would be a mail too many more often than a first one is missing.
async fn close(conn: &mut Conn, now: Moment) -> Result<()> {
    sql("update mails set state = 'sent', sent_at = ?, lease_until = null,
         error = 'the daemon stopped before the mail server''s answer was noted'
         where state = 'sending' and (lease_until <= ? or lease_until > ?)")
    .bind(now.0)
    .bind(now.0)
    .bind(now.0 + SEND_LEASE_SECS)
    .execute(conn)
    .await?;
    sql("update mails set state = 'failed', lease_until = null,
         error = coalesce('the end came before it could be sent; last: ' || error,
            'the end came before it could be sent')
         where state = 'queued' and due_end <= ?")
    .bind(now.0)
    .execute(conn)
    .await?;
    Ok(())
}

fn mail(row: Row) -> Option<MailRow> {
    let (id, group, event, due_end, day, address, state, made, attempts, next, sent, error) = row;
    Some(MailRow {
        id,
        group: GroupId(group),
        event,
        due_end: Moment(due_end),
        day,
        address,
        state: state.parse().ok()?,
        made_at: Moment(made),
        attempts,
        next_attempt_at: Moment(next),
        sent_at: sent.map(Moment),
        error,
    })
}
