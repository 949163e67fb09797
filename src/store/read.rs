//! Reads of what is named: by key, by path, by name.

use crate::license::{
    Claim, ClaimId, Group, GroupId, Holder, License, LicenseId, Number, NumberId, SERVER, User,
    UserId,
};

use std::collections::BTreeSet;

use super::packed::{Packed, Wanted};
use super::sql::{Conn, sql};
use super::{Error, Findings, Key, Result, Store, packed, rows};

/// What stands now at the keys that were asked for; what is gone is left out.
#[derive(Debug, Default)]
pub struct Records {
    pub groups: Vec<Group>,
    pub users: Vec<User>,
    pub licenses: Vec<License>,
    pub claims: Vec<Claim>,
    pub numbers: Vec<Number>,
    pub findings: Findings,
}

/// What stands at `keys`, inside a transaction of the caller's.
pub(super) async fn at_keys(conn: &mut Conn, keys: &BTreeSet<Key>) -> Result<Records> {
    let mut found = Records::default();
    let findings = &mut found.findings;
    let ids = |of: fn(&Key) -> Option<i64>| Wanted::Ids("id", keys.iter().filter_map(of).collect());

    let wanted = ids(|key| if let Key::Group(id) = key { Some(id.0) } else { None });
    packed::some(conn, &rows::GROUPS, &wanted, |row| {
        found.groups.push(rows::group(row, findings));
    })
    .await?;
    let wanted = ids(|key| if let Key::User(id) = key { Some(id.0) } else { None });
    packed::some(conn, &rows::USERS, &wanted, |row| found.users.push(rows::user(row))).await?;
    let wanted = ids(|key| if let Key::License(id) = key { Some(id.0) } else { None });
    packed::some(conn, &rows::LICENSES, &wanted, |row| {
        found.licenses.extend(rows::license(row, findings));
    })
    .await?;
    let wanted = ids(|key| if let Key::Claim(id) = key { Some(id.0) } else { None });
    packed::some(conn, &rows::CLAIMS, &wanted, |row| {
        found.claims.extend(rows::claim(row, findings));
    })
    .await?;
    let aor = |key: &Key| if let Key::Number(aor) = key { Some(aor.clone()) } else { None };
    let wanted = Wanted::Names("aor", keys.iter().filter_map(aor).collect());
    packed::some(conn, &rows::NUMBERS, &wanted, |row| {
        found.numbers.extend(rows::number(row).map(Number::from));
    })
    .await?;
    Ok(found)
}

impl Store {
    /// Reads what stands at `keys`, all at one instant.
    pub async fn read_keys(&self, keys: &BTreeSet<Key>) -> Result<Records> {
        let mut tx = self.reading().await?;
        let found = at_keys(&mut tx, keys).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// The group at `path` (`SmartHome/A Residence/12`; `/` is the server).
    pub async fn find_group(&self, path: &str) -> Result<GroupId> {
        let mut conn = self.conn().await?;
        let mut found = SERVER;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            found = sql("select id from groups where parent_id = ? and name = ?")
                .bind(found.0)
                .bind(name)
                .optional(&mut conn)
                .await?
                .map(|(id,)| GroupId(id))
                .ok_or_else(|| Error::not_found("group", format!("{path:?}")))?;
        }
        Ok(found)
    }

    /// The user of this name.
    pub async fn find_user(&self, name: &str) -> Result<UserId> {
        sql("select id from users where name = ?")
            .bind(name)
            .optional(&mut self.conn().await?)
            .await?
            .map(|(id,)| UserId(id))
            .ok_or_else(|| Error::not_found("user", format!("{name:?}")))
    }

    /// The created number with this normalized address.
    pub async fn find_number(&self, aor: &str) -> Result<Number> {
        let id = sql("select id from numbers where aor = ?")
            .bind(aor)
            .optional(&mut self.conn().await?)
            .await?;
        let found = match id {
            Some((id,)) => self.numbers(&[NumberId(id)]).await?,
            None => Vec::new(),
        };
        found.into_iter().next().ok_or_else(|| Error::not_found("number", aor))
    }

    /// The groups with these ids; those that are gone are left out.
    pub async fn groups(&self, ids: &[GroupId]) -> Result<Vec<Group>> {
        let (mut found, mut findings) = (Vec::new(), Findings::default());
        self.rows(&rows::GROUPS, ids.iter().map(|id| id.0), |row| {
            found.push(rows::group(row, &mut findings));
        })
        .await?;
        Ok(found)
    }

    /// The users with these ids.
    pub async fn users(&self, ids: &[UserId]) -> Result<Vec<User>> {
        let mut found = Vec::new();
        self.rows(&rows::USERS, ids.iter().map(|id| id.0), |row| found.push(rows::user(row)))
            .await?;
        Ok(found)
    }

    /// The licenses with these ids.
    pub async fn licenses(&self, ids: &[LicenseId]) -> Result<Vec<License>> {
        let (mut found, mut findings) = (Vec::new(), Findings::default());
        self.rows(&rows::LICENSES, ids.iter().map(|id| id.0), |row| {
            found.extend(rows::license(row, &mut findings));
        })
        .await?;
        Ok(found)
    }

    /// The created numbers with these ids.
    pub async fn numbers(&self, ids: &[NumberId]) -> Result<Vec<Number>> {
        let mut found = Vec::new();
        self.rows(&rows::NUMBERS, ids.iter().map(|id| id.0), |row| {
            found.extend(rows::number(row).map(Number::from));
        })
        .await?;
        Ok(found)
    }

    /// The claims with these ids.
    pub async fn claims(&self, ids: &[ClaimId]) -> Result<Vec<Claim>> {
        let (mut found, mut findings) = (Vec::new(), Findings::default());
        self.rows(&rows::CLAIMS, ids.iter().map(|id| id.0), |row| {
            found.extend(rows::claim(row, &mut findings));
        })
        .await?;
        Ok(found)
    }

    /// The created numbers that `owner` owns itself, by address.
    pub async fn numbers_of(&self, owner: Holder) -> Result<Vec<Number>> {
        let ids = match owner {
            Holder::Group(id) => sql("select id from numbers where group_id = ?").bind(id.0),
            Holder::User(id) => sql("select id from numbers where user_id = ?").bind(id.0),
        };
        let ids = ids.all(&mut self.conn().await?).await?;
        let ids: Vec<_> = ids.into_iter().map(|(id,)| NumberId(id)).collect();
        let mut found = self.numbers(&ids).await?;
        found.sort_by(|a, b| a.aor.cmp(&b.aor));
        Ok(found)
    }

    async fn rows(
        &self,
        what: &Packed,
        ids: impl Iterator<Item = i64>,
        each: impl FnMut(packed::Fields<'_>),
    ) -> Result<()> {
        let wanted = Wanted::Ids("id", ids.collect());
        packed::some(&mut self.conn().await?, what, &wanted, each).await
    }
}
