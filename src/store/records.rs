//! Records as rows: each function writes one record whole, inside the caller's transaction, whether
//! it is new or replaces what stands there.

use crate::license::{Claim, ClaimRule, Group, GroupId, License, Moment, Number, User, UserId};

use super::rows::{features_text, holder_columns};
use super::sql::{Conn, Dialect, sql};
use super::{Error, Result};

/// Rows of one statement.
const ROWS_AT_ONCE: usize = 500;

/// Whether a record is written for the first time. A new one writes over nothing: whoever came in
/// between with its id keeps it, and the write fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    New,
    Standing,
}

impl Row {
    /// What stands after an insert.
    fn or(self, replace: &str) -> &str {
        match self {
            Self::New => "",
            Self::Standing => replace,
        }
    }
}

/// Takes ids for `count` new rows of `table`; ids of removed rows are not given again.
pub(super) async fn new_ids(conn: &mut Conn, table: &'static str, count: i64) -> Result<Vec<i64>> {
    if conn.dialect() == Dialect::Sqlite {
        let next = next_id(conn, table).await?;
        return Ok((next..next + count).collect());
    }
    let ids = from_sequence(conn, table, count).await?;
    let highest = format!("select coalesce(max(id), 0) from {table}");
    let (highest,): (i64,) = sql(highest).one(conn).await?;
    if ids.first().is_some_and(|first| *first > highest) {
        return Ok(ids);
    }
    // Somebody set it back, or is quicker than we are: never further back.
    sql(format!(
        "select setval(ids, greatest(?, pg_sequence_last_value(ids)))
         from cast(pg_get_serial_sequence('{table}', 'id') as regclass) as ids"
    ))
    .bind(highest)
    .execute(conn)
    .await?;
    from_sequence(conn, table, count).await
}

/// Not above the highest row: a person who inserts at this moment would be given the same.
async fn from_sequence(conn: &mut Conn, table: &'static str, count: i64) -> Result<Vec<i64>> {
    let ids: Vec<(i64,)> = sql(format!(
        "select nextval(pg_get_serial_sequence('{table}', 'id')) from generate_series(1, ?)"
    ))
    .bind(count)
    .all(conn)
    .await?;
    Ok(ids.into_iter().map(|(id,)| id).collect())
}

/// An id above all that were given; even where somebody emptied the sequence no row that is there is
/// written over.
pub(super) async fn next_id(conn: &mut Conn, table: &'static str) -> Result<i64> {
    let given = match conn.dialect() {
        Dialect::Sqlite => format!("select seq as id from sqlite_sequence where name = '{table}'"),
        Dialect::Postgres => "select 0 as id".to_owned(),
    };
    let (given,): (i64,) = sql(format!(
        "select coalesce(max(id), 0) from (
            {given} union all select max(id) from {table}) as given"
    ))
    .one(conn)
    .await?;
    Ok(given + 1)
}

/// The group and its addresses.
pub(super) async fn put_group(conn: &mut Conn, group: &Group, row: Row) -> Result<()> {
    sql(format!(
        "insert into groups (id, parent_id, name, kind, restricted, hand_out, time_zone, monitor)
         values (?, ?, ?, ?, ?, ?, ?, ?){}",
        row.or(
            " on conflict (id) do update set parent_id = excluded.parent_id, name = excluded.name,
            kind = excluded.kind, restricted = excluded.restricted, hand_out = excluded.hand_out,
            time_zone = excluded.time_zone, monitor = excluded.monitor"
        )
    ))
    .bind(group.id.0)
    .bind(group.parent.map(|id| id.0))
    .bind(&*group.name)
    .bind(&*group.kind)
    .bind(group.restricted)
    .bind(group.hand_out.name())
    .bind(group.time_zone.map(|zone| zone.name()))
    .bind(group.monitor)
    .execute(conn)
    .await?;
    delete_of(conn, "group_admin_emails", "group_id", group.id.0).await?;
    for email in &group.admin_emails {
        sql("insert into group_admin_emails (group_id, email) values (?, ?)")
            .bind(group.id.0)
            .bind(&**email)
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// The user and the memberships.
pub(super) async fn put_user(conn: &mut Conn, user: &User, row: Row) -> Result<()> {
    sql(format!(
        "insert into users (id, name, email) values (?, ?, ?){}",
        row.or(" on conflict (id) do update set name = excluded.name, email = excluded.email")
    ))
    .bind(user.id.0)
    .bind(&*user.name)
    .bind(user.email.as_deref())
    .execute(conn)
    .await?;
    delete_of(conn, "memberships", "user_id", user.id.0).await?;
    for group in &user.groups {
        sql("insert into memberships (user_id, group_id) values (?, ?)")
            .bind(user.id.0)
            .bind(group.0)
            .execute(conn)
            .await?;
    }
    Ok(())
}

pub(super) async fn put_license(conn: &mut Conn, license: &License, row: Row) -> Result<()> {
    let (group, user) = holder_columns(license.holder);
    let instant = |moment: Option<Moment>| moment.map(|moment| moment.0);
    sql(format!(
        "insert into licenses (id, group_id, user_id, license_type, sip_numbers, mobile_apps, features,
            valid_from, valid_until, suspended) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?){}",
        row.or(" on conflict (id) do update set group_id = excluded.group_id, user_id = excluded.user_id,
            license_type = excluded.license_type, sip_numbers = excluded.sip_numbers,
            mobile_apps = excluded.mobile_apps, features = excluded.features,
            valid_from = excluded.valid_from, valid_until = excluded.valid_until,
            suspended = excluded.suspended")
    ))
    .bind(license.id.0)
    .bind(group)
    .bind(user)
    .bind(&*license.license_type)
    .bind(i64::from(license.sip_numbers))
    .bind(i64::from(license.mobile_apps))
    .bind(features_text(license.features))
    .bind(instant(license.validity.from))
    .bind(instant(license.validity.until))
    .bind(license.suspended)
    .execute(conn)
    .await?;
    Ok(())
}

/// Numbers, hundreds in a statement.
pub(super) async fn put_numbers(conn: &mut Conn, numbers: &[Number], row: Row) -> Result<()> {
    for numbers in numbers.chunks(ROWS_AT_ONCE) {
        let mut insert = sql("insert into numbers (id, aor, group_id, user_id, kind, password) ");
        insert.push_rows(numbers.iter().map(|number| {
            let (group, user) = holder_columns(number.owner);
            [
                number.id.0.into(),
                (*number.aor).into(),
                group.into(),
                user.into(),
                number.kind.name().into(),
                number.password.as_deref().into(),
            ]
        }));
        insert.push(row.or(
            " on conflict (id) do update set aor = excluded.aor, group_id = excluded.group_id,
                user_id = excluded.user_id, kind = excluded.kind, password = excluded.password",
        ));
        insert.execute(conn).await?;
    }
    Ok(())
}

pub(super) async fn put_claim(conn: &mut Conn, claim: &Claim, row: Row) -> Result<()> {
    let (domain, first, last, address) = match &claim.rule {
        ClaimRule::Domain { domain } => (Some(domain), None, None, None),
        ClaimRule::Range { domain, first, last } => (Some(domain), Some(first), Some(last), None),
        ClaimRule::Address { address } => (None, None, None, Some(address.to_string())),
    };
    sql(format!(
        "insert into claims (id, group_id, kind, domain, range_first, range_last, address)
         values (?, ?, ?, ?, ?, ?, ?){}",
        row.or(
            " on conflict (id) do update set group_id = excluded.group_id, kind = excluded.kind,
            domain = excluded.domain, range_first = excluded.range_first,
            range_last = excluded.range_last, address = excluded.address"
        )
    ))
    .bind(claim.id.0)
    .bind(claim.group.0)
    .bind(claim.kind.name())
    .bind(domain.map(String::as_str))
    .bind(first.map(String::as_str))
    .bind(last.map(String::as_str))
    .bind(address)
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes a group with all that stands under it: groups, their licenses, numbers and claims, and
/// the users who are in no other group.
pub(super) async fn delete_group(conn: &mut Conn, group: GroupId) -> Result<()> {
    let below: Vec<(i64,)> = sql("with recursive below (id, depth) as (
            select id, 0 from groups where id = ?
            union all select groups.id, depth + 1 from groups join below on parent_id = below.id
         ) select id from below order by depth desc")
    .bind(group.0)
    .all(conn)
    .await?;
    for (id,) in below {
        let members: Vec<(i64,)> =
            sql("select user_id from memberships where group_id = ?").bind(id).all(conn).await?;
        for table in ["memberships", "numbers", "licenses", "claims"] {
            delete_of(conn, table, "group_id", id).await?;
        }
        for (user,) in members {
            let (elsewhere,): (i64,) = sql("select count(*) from memberships where user_id = ?")
                .bind(user)
                .one(conn)
                .await?;
            if elsewhere == 0 {
                delete_user(conn, UserId(user)).await?;
            }
        }
        delete(conn, "groups", id).await?;
    }
    Ok(())
}

/// Removes a user with the licenses and numbers.
pub(super) async fn delete_user(conn: &mut Conn, user: UserId) -> Result<()> {
    for table in ["licenses", "numbers"] {
        delete_of(conn, table, "user_id", user.0).await?;
    }
    delete(conn, "users", user.0).await
}

/// Removes one row by id.
pub(super) async fn delete(conn: &mut Conn, table: &'static str, id: i64) -> Result<()> {
    match delete_of(conn, table, "id", id).await? {
        0 => Err(Error::NotFound(format!("no row {id} in {table}"))),
        _ => Ok(()),
    }
}

/// Both names are our own, never what somebody sent.
async fn delete_of(
    conn: &mut Conn,
    table: &'static str,
    column: &'static str,
    id: i64,
) -> Result<u64> {
    sql(format!("delete from {table} where {column} = ?")).bind(id).execute(conn).await
}
