//! What the kinds of record have in common: an id, a row, and the change that a write makes.

use sqlx::sqlite::SqliteConnection;

use crate::license::{
    Claim, ClaimId, Group, GroupId, License, LicenseId, Number, NumberId, User, UserId,
};

use super::packed::Packed;
use super::{Findings, Result, packed, records, rows};

/// A kind of record.
pub(super) trait Record: Sized + Clone {
    type Id: Copy + std::fmt::Display;
    const WHAT: &'static str;
    const PACKED: Packed;

    fn key(id: Self::Id) -> i64;
    fn id_of(key: i64) -> Self::Id;
    fn with_id(self, id: Self::Id) -> Self;
    fn of_row(row: packed::Fields<'_>, findings: &mut Findings) -> Option<Self>;
    /// Writes it whole; the id comes back.
    async fn put(&self, conn: &mut SqliteConnection) -> Result<i64>;
    async fn delete(&self, conn: &mut SqliteConnection) -> Result<()>;
}

/// The record with this id, if it is there.
pub(super) async fn get<R: Record>(conn: &mut SqliteConnection, id: R::Id) -> Result<Option<R>> {
    let (mut found, mut findings) = (None, Findings::default());
    packed::some(conn, &R::PACKED, &[R::key(id)], |row| found = R::of_row(row, &mut findings))
        .await?;
    Ok(found)
}

macro_rules! record {
    ($type:ident, $id:ident, $what:literal, $packed:expr, $put:expr, $of_row:expr, $delete:expr) => {
        impl Record for $type {
            type Id = $id;
            const WHAT: &'static str = $what;
            const PACKED: Packed = $packed;

            fn key(id: $id) -> i64 {
                id.0
            }

            fn id_of(key: i64) -> $id {
                $id(key)
            }

            fn with_id(self, id: $id) -> Self {
                Self { id, ..self }
            }

            fn of_row(row: packed::Fields<'_>, findings: &mut Findings) -> Option<Self> {
                $of_row(row, findings)
            }

            async fn put(&self, conn: &mut SqliteConnection) -> Result<i64> {
                $put(conn, self).await
            }

            async fn delete(&self, conn: &mut SqliteConnection) -> Result<()> {
                $delete(conn, self.id).await
            }
        }
    };
}

record!(
    Group,
    GroupId,
    "group",
    rows::GROUPS,
    records::put_group,
    |row, findings: &mut Findings| Some(rows::group(row, findings)),
    records::delete_subtree
);
record!(
    User,
    UserId,
    "user",
    rows::USERS,
    records::put_user,
    |row, _: &mut Findings| Some(rows::user(row)),
    records::delete_user
);
record!(
    License,
    LicenseId,
    "license",
    rows::LICENSES,
    records::put_license,
    rows::license,
    |conn, id: LicenseId| records::delete(
        conn,
        "delete from licenses where id = ?",
        id.0,
        "license"
    )
);
record!(
    Number,
    NumberId,
    "number",
    rows::NUMBERS,
    records::put_number,
    |row, _: &mut Findings| rows::number(row).map(Number::from),
    |conn, id: NumberId| records::delete(conn, "delete from numbers where id = ?", id.0, "number")
);
record!(
    Claim,
    ClaimId,
    "claim",
    rows::CLAIMS,
    records::put_claim,
    rows::claim,
    |conn, id: ClaimId| records::delete(conn, "delete from claims where id = ?", id.0, "claim")
);
