//! Everything at one instant: what a start and a full comparison read.

use crate::license::{Claim, Entry, Group, Holder, License, NumberId, NumberKind, User};

use super::sql::Conn;
use super::{Findings, Position, Result, Store, feed, packed, rows};

/// A created number as it passes by; a million of them are not kept here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberRow<'a> {
    pub id: NumberId,
    pub owner: Holder,
    pub kind: NumberKind,
    pub aor: &'a str,
    pub password: Option<&'a str>,
}

/// All records but the numbers, and the position of the feed that belongs to them.
#[derive(Debug, Default)]
pub struct Everything {
    /// Changes after this one are not in it.
    pub position: Position,
    pub groups: Vec<Group>,
    pub users: Vec<User>,
    pub licenses: Vec<License>,
    pub claims: Vec<Claim>,
    pub findings: Findings,
}

impl NumberRow<'_> {
    /// The number without its secret.
    pub fn entry(&self) -> Entry {
        let Self { id, owner, kind, .. } = *self;
        Entry { id, owner, kind, has_password: self.password.is_some() }
    }
}

impl Store {
    /// Reads everything in one snapshot and hands each number to `number`.
    pub async fn read_all(&self, mut number: impl FnMut(NumberRow<'_>)) -> Result<Everything> {
        let mut tx = self.reading().await?;
        let mut all = everything(&mut tx).await?;
        let mut ownerless = 0;
        packed::all(&mut tx, &rows::NUMBERS, |row| match rows::number(row) {
            Some(row) => number(row),
            None => ownerless += 1,
        })
        .await?;
        if ownerless > 0 {
            all.findings.add(format!("{ownerless} numbers without an owner"));
        }
        tx.commit().await?;
        Ok(all)
    }

    /// Reads everything but the numbers in one snapshot.
    pub async fn read_records(&self) -> Result<Everything> {
        let mut tx = self.reading().await?;
        let all = everything(&mut tx).await?;
        tx.commit().await?;
        Ok(all)
    }
}

/// Everything but the numbers, inside a transaction of the caller's.
pub(super) async fn everything(conn: &mut Conn) -> Result<Everything> {
    let mut all = Everything { position: feed::position(conn).await?, ..Everything::default() };
    let findings = &mut all.findings;
    packed::all(conn, &rows::GROUPS, |row| all.groups.push(rows::group(row, findings))).await?;
    packed::all(conn, &rows::USERS, |row| all.users.push(rows::user(row))).await?;
    packed::all(conn, &rows::LICENSES, |row| all.licenses.extend(rows::license(row, findings)))
        .await?;
    packed::all(conn, &rows::CLAIMS, |row| all.claims.extend(rows::claim(row, findings))).await?;
    Ok(all)
}
