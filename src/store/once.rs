//! Writes with a key: whoever repeats one, because the first answer was lost, gets that answer again
//! and nothing is written twice. What was answered is kept for a day.

use serde_json::{Value, json};

use crate::license::distribution::{Warning, WarningKind};
use crate::license::{GroupId, Holder, Moment, UserId};

use super::sql::{Conn, sql};
use super::{Error, Result, Store};

/// How long an answer is kept.
const KEPT_SECS: i64 = 24 * 60 * 60;
/// Longer ones are not keys but mistakes.
const KEY_MAX: usize = 255;

/// The key under which a writer writes, and what it writes, as a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Once {
    pub key: String,
    pub digest: Vec<u8>,
}

/// The ids and the warnings that a write was answered with.
pub(super) type Outcome = (Vec<i64>, Vec<Warning>);

impl Store {
    /// Forgets the answers that are older than a day; how many there were.
    pub async fn forget_answers(&self, now: Moment) -> Result<u64> {
        let mut writing = self.writing().await?;
        let gone = sql("delete from idempotency where at < ?")
            .bind(now.0.saturating_sub(KEPT_SECS))
            .execute(writing.conn())
            .await?;
        writing.commit().await?;
        Ok(gone)
    }
}

/// What was answered to this very write before, if it was within a day.
pub(super) async fn answered(
    conn: &mut Conn,
    who: &str,
    once: &Once,
    now: Moment,
) -> Result<Option<Outcome>> {
    if once.key.is_empty() || once.key.len() > KEY_MAX {
        return Err(Error::Invalid(format!("a key has 1 to {KEY_MAX} characters")));
    }
    let found: Option<(Vec<u8>, String)> =
        sql("select digest, outcome from idempotency where who = ? and key = ? and at >= ?")
            .bind(who)
            .bind(&*once.key)
            .bind(now.0.saturating_sub(KEPT_SECS))
            .optional(conn)
            .await?;
    match found {
        None => Ok(None),
        Some((digest, _)) if digest != once.digest => {
            Err(Error::Reused(format!("the key {:?} came with another write before", once.key)))
        }
        Some((_, outcome)) => Ok(Some(read(&outcome)?)),
    }
}

/// Keeps what is answered, in the transaction of the write.
pub(super) async fn keep(
    conn: &mut Conn,
    who: &str,
    once: &Once,
    now: Moment,
    (ids, warnings): (&[i64], &[Warning]),
) -> Result<()> {
    let warnings: Vec<Value> = warnings.iter().map(warning_json).collect();
    let outcome = json!({"ids": ids, "warnings": warnings}).to_string();
    sql("insert into idempotency (who, key, digest, outcome, at) values (?, ?, ?, ?, ?)
         on conflict (who, key) do update set digest = excluded.digest,
            outcome = excluded.outcome, at = excluded.at")
    .bind(who)
    .bind(&*once.key)
    .bind(once.digest.clone())
    .bind(outcome)
    .bind(now.0)
    .execute(conn)
    .await?;
    Ok(())
}

fn read(outcome: &str) -> Result<Outcome> {
    let unreadable = || Error::Invalid("what this key was answered cannot be read any more".into());
    let outcome: Value = serde_json::from_str(outcome).map_err(|_| unreadable())?;
    let list = |name: &str| outcome.get(name).and_then(Value::as_array).ok_or_else(unreadable);
    let id = list("ids")?.iter().map(Value::as_i64).collect::<Option<_>>();
    let warnings = list("warnings")?.iter().map(warning_of).collect::<Option<_>>();
    Ok((id.ok_or_else(unreadable)?, warnings.ok_or_else(unreadable)?))
}

fn warning_json(warning: &Warning) -> Value {
    let (of, holder) = match warning.holder {
        Holder::Group(id) => ("group", id.0),
        Holder::User(id) => ("user", id.0),
    };
    let kind = match warning.kind {
        WarningKind::Over => "over",
        WarningKind::Revokes => "revokes",
        WarningKind::Removes => "removes",
    };
    json!({
        "kind": kind,
        "gate": warning.gate,
        of: holder,
        "resource": warning.resource,
        "by": warning.by,
        "at": warning.at.0,
        "text": warning.text,
    })
}

fn warning_of(json: &Value) -> Option<Warning> {
    let text = |name: &str| json.get(name)?.as_str().map(str::to_owned);
    let int = |name: &str| json.get(name)?.as_i64();
    let group = int("group").map(GroupId).map(Holder::Group);
    Some(Warning {
        kind: match &*text("kind")? {
            "over" => WarningKind::Over,
            "revokes" => WarningKind::Revokes,
            "removes" => WarningKind::Removes,
            _ => return None,
        },
        gate: text("gate")?,
        holder: group.or_else(|| int("user").map(UserId).map(Holder::User))?,
        resource: text("resource")?,
        by: int("by"),
        at: Moment(int("at")?),
        text: text("text")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_comes_back_as_it_was() {
        let warning = Warning {
            kind: WarningKind::Over,
            gate: "A/B".into(),
            holder: Holder::User(UserId(7)),
            resource: "sip_numbers".into(),
            by: Some(3),
            at: Moment(5),
            text: "A/B: over".into(),
        };

        assert_eq!(warning_of(&warning_json(&warning)), Some(warning));
    }
}
