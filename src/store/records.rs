//! Records as rows: each function writes one record whole, inside the caller's transaction.
//! An id of 0 is a new record; the id it got comes back.

use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection};

use crate::license::{
    Claim, ClaimRule, Group, GroupId, License, Moment, Number, SERVER, User, UserId,
};

use super::rows::{features_text, holder_columns};
use super::{Error, Result};

type Query = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

/// The group and its addresses.
pub(super) async fn put_group(conn: &mut SqliteConnection, group: &Group) -> Result<i64> {
    let query = match group.id.0 {
        0 => sqlx::query(
            "insert into groups (parent_id, name, kind, restricted, hand_out, time_zone, monitor)
             values (?, ?, ?, ?, ?, ?, ?)",
        ),
        _ => sqlx::query(
            "update groups set parent_id = ?, name = ?, kind = ?, restricted = ?, hand_out = ?, time_zone = ?, monitor = ?
             where id = ?",
        ),
    }
    .bind(group.parent.map(|id| id.0))
    .bind(group.name.clone())
    .bind(group.kind.clone())
    .bind(group.restricted)
    .bind(group.hand_out.name())
    .bind(group.time_zone.map(|zone| zone.name()))
    .bind(group.monitor);
    let id = put(conn, query, group.id.0, "group").await?;
    replace_list(
        conn,
        [
            "delete from group_admin_emails where group_id = ?",
            "insert into group_admin_emails (group_id, email) values (?, ?)",
        ],
        id,
        group.admin_emails.clone(),
    )
    .await?;
    Ok(id)
}

/// The user and the memberships.
pub(super) async fn put_user(conn: &mut SqliteConnection, user: &User) -> Result<i64> {
    if user.groups.is_empty() {
        return Err(Error::invalid(format!("user {:?} must be in a group", user.name)));
    }
    let query = match user.id.0 {
        0 => sqlx::query("insert into users (name, email) values (?, ?)"),
        _ => sqlx::query("update users set name = ?, email = ? where id = ?"),
    }
    .bind(user.name.clone())
    .bind(user.email.clone());
    let id = put(conn, query, user.id.0, "user").await?;
    let groups: Vec<_> = user.groups.iter().map(|group| group.0).collect();
    replace_list(
        conn,
        [
            "delete from memberships where user_id = ?",
            "insert into memberships (user_id, group_id) values (?, ?)",
        ],
        id,
        groups,
    )
    .await?;
    Ok(id)
}

pub(super) async fn put_license(conn: &mut SqliteConnection, license: &License) -> Result<i64> {
    let (group, user) = holder_columns(license.holder);
    let instant = |moment: Option<Moment>| moment.map(|moment| moment.0);
    let query = match license.id.0 {
        0 => sqlx::query(
            "insert into licenses (group_id, user_id, license_type, sip_numbers, mobile_apps, features,
                valid_from, valid_until, suspended) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ),
        _ => sqlx::query(
            "update licenses set group_id = ?, user_id = ?, license_type = ?, sip_numbers = ?, mobile_apps = ?,
                features = ?, valid_from = ?, valid_until = ?, suspended = ? where id = ?",
        ),
    }
    .bind(group)
    .bind(user)
    .bind(license.license_type.clone())
    .bind(i64::from(license.sip_numbers))
    .bind(i64::from(license.mobile_apps))
    .bind(features_text(license.features))
    .bind(instant(license.validity.from))
    .bind(instant(license.validity.until))
    .bind(license.suspended);
    put(conn, query, license.id.0, "license").await
}

pub(super) async fn put_number(conn: &mut SqliteConnection, number: &Number) -> Result<i64> {
    let (group, user) = holder_columns(number.owner);
    let query = match number.id.0 {
        0 => sqlx::query(
            "insert into numbers (aor, group_id, user_id, kind, password) values (?, ?, ?, ?, ?)",
        ),
        _ => sqlx::query(
            "update numbers set aor = ?, group_id = ?, user_id = ?, kind = ?, password = ? where id = ?",
        ),
    }
    .bind(number.aor.clone())
    .bind(group)
    .bind(user)
    .bind(number.kind.name())
    .bind(number.password.clone());
    put(conn, query, number.id.0, "number").await
}

pub(super) async fn put_claim(conn: &mut SqliteConnection, claim: &Claim) -> Result<i64> {
    let (domain, first, last, address) = match claim.rule.clone() {
        ClaimRule::Domain { domain } => (Some(domain), None, None, None),
        ClaimRule::Range { domain, first, last } => (Some(domain), Some(first), Some(last), None),
        ClaimRule::Address { address } => (None, None, None, Some(address.to_string())),
    };
    let query = match claim.id.0 {
        0 => sqlx::query(
            "insert into claims (group_id, kind, domain, range_first, range_last, address)
             values (?, ?, ?, ?, ?, ?)",
        ),
        _ => sqlx::query(
            "update claims set group_id = ?, kind = ?, domain = ?, range_first = ?, range_last = ?, address = ?
             where id = ?",
        ),
    }
    .bind(claim.group.0)
    .bind(claim.kind.name())
    .bind(domain)
    .bind(first)
    .bind(last)
    .bind(address);
    put(conn, query, claim.id.0, "claim").await
}

/// Removes a group with all that stands under it: groups, their licenses, numbers and claims, and
/// the users who are in no other group.
pub(super) async fn delete_subtree(conn: &mut SqliteConnection, group: GroupId) -> Result<()> {
    if group == SERVER {
        return Err(Error::invalid("the server cannot be removed"));
    }
    let below: Vec<i64> = sqlx::query_scalar(
        "with recursive below (id, depth) as (
            select id, 0 from groups where id = ?
            union all select groups.id, depth + 1 from groups join below on parent_id = below.id
         ) select id from below order by depth desc",
    )
    .bind(group.0)
    .fetch_all(&mut *conn)
    .await?;
    if below.is_empty() {
        return Err(Error::not_found("group", group));
    }
    for id in below {
        let members: Vec<i64> =
            sqlx::query_scalar("select user_id from memberships where group_id = ?")
                .bind(id)
                .fetch_all(&mut *conn)
                .await?;
        for sql in [
            "delete from memberships where group_id = ?",
            "delete from numbers where group_id = ?",
            "delete from licenses where group_id = ?",
            "delete from claims where group_id = ?",
        ] {
            sqlx::query(sql).bind(id).execute(&mut *conn).await?;
        }
        for user in members {
            let elsewhere: bool =
                sqlx::query_scalar("select count(*) from memberships where user_id = ?")
                    .bind(user)
                    .fetch_one(&mut *conn)
                    .await?;
            if !elsewhere {
                delete_user(conn, UserId(user)).await?;
            }
        }
        delete(conn, "delete from groups where id = ?", id, "group").await?;
    }
    Ok(())
}

/// Removes a user with the licenses and numbers.
pub(super) async fn delete_user(conn: &mut SqliteConnection, user: UserId) -> Result<()> {
    for sql in ["delete from licenses where user_id = ?", "delete from numbers where user_id = ?"] {
        sqlx::query(sql).bind(user.0).execute(&mut *conn).await?;
    }
    delete(conn, "delete from users where id = ?", user.0, "user").await
}

/// Removes one row by id.
pub(super) async fn delete(
    conn: &mut SqliteConnection,
    sql: &'static str,
    id: i64,
    what: &str,
) -> Result<()> {
    match sqlx::query(sql).bind(id).execute(conn).await?.rows_affected() {
        0 => Err(Error::not_found(what, id)),
        _ => Ok(()),
    }
}

async fn put(conn: &mut SqliteConnection, query: Query, id: i64, what: &str) -> Result<i64> {
    if id == 0 {
        return Ok(query.execute(conn).await?.last_insert_rowid());
    }
    match query.bind(id).execute(conn).await?.rows_affected() {
        0 => Err(Error::not_found(what, id)),
        _ => Ok(id),
    }
}

async fn replace_list<T>(
    conn: &mut SqliteConnection,
    [delete, insert]: [&'static str; 2],
    id: i64,
    items: Vec<T>,
) -> Result<()>
where
    T: sqlx::Type<Sqlite> + sqlx::Encode<'static, Sqlite> + Send + 'static,
{
    sqlx::query(delete).bind(id).execute(&mut *conn).await?;
    for item in items {
        sqlx::query(insert).bind(id).bind(item).execute(&mut *conn).await?;
    }
    Ok(())
}
