//! API tokens: a role on a group, or a user's own rights, for whoever shows the secret.

use crate::license::{Assignment, GroupId, Moment, Role, UserId};

use super::super::sql::{Conn, Sql, sql};
use super::super::write::{answered, keep};
use super::super::{Error, Issued, Result, Store, Terms, audit};
use super::{SecretHash, expect_group, expect_user, record, role_of, world_of};

/// The longest name.
const NAME_MAX: usize = 64;
/// The last instant that can be stored.
const LAST: i64 = 253_402_300_799;

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// Letters, digits, `.`, `_` and `-`.
    pub name: String,
    pub hash: SecretHash,
    pub role: Role,
    /// Where it has the role; a server administrator's is the server.
    pub group: Option<GroupId>,
    /// Whose own things it sees; for the role `user` only.
    pub user: Option<UserId>,
    pub read_only: bool,
    pub expires_at: Option<Moment>,
}

/// A token as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: i64,
    pub name: String,
    pub role: Role,
    pub group: Option<GroupId>,
    pub user: Option<UserId>,
    pub read_only: bool,
    pub created_at: Moment,
    pub expires_at: Option<Moment>,
    pub last_used_at: Option<Moment>,
    /// `cli:root`, `user:anna`.
    pub created_by: String,
}

/// What a token that somebody shows is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    pub hash: SecretHash,
    pub token: Token,
}

type Row =
    (i64, String, String, Option<i64>, Option<i64>, bool, i64, Option<i64>, Option<i64>, String);

/// A token whose group or user is gone, however that came about, is no token.
const TOKENS: &str = "select id, name, role, group_id, user_id, read_only, created_at, expires_at,
    last_used_at, created_by from tokens
    where (group_id is null or exists (select 1 from groups where groups.id = tokens.group_id))
        and (user_id is null or exists (select 1 from users where users.id = tokens.user_id))";

impl Token {
    /// The role it has, where it has one somewhere.
    pub fn assignment(&self) -> Option<Assignment> {
        self.group.map(|group| Assignment { role: self.role, group })
    }

    /// Whether its time is over.
    pub fn is_expired(&self, at: Moment) -> bool {
        self.expires_at.is_some_and(|end| end <= at)
    }
}

impl Store {
    /// Makes a token. Written a second time under the same key, it is the one that was made, whose
    /// secret is not the new one. One that is made with a token ends with it at the latest.
    pub async fn add_token(&self, mut token: NewToken, terms: Terms<'_>) -> Result<Issued<Token>> {
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        if let Some((ids, _)) = answered(conn, terms).await? {
            let id = ids.first().copied().unwrap_or_default();
            let found = with_id(conn, id).await?;
            let token = found.ok_or_else(|| Error::not_found("token", id))?;
            return Ok(Issued { record: token, replayed: true });
        }
        token.expires_at = within(token.expires_at, terms.by.viewer.until)?;
        check(&token, terms.at)?;
        let world = world_of(self, conn).await?;
        let tree = &world.tree;
        token.group.map(|group| expect_group(tree, group)).transpose()?;
        token.user.map(|user| expect_user(tree, user)).transpose()?;
        let what = token.group.map(|group| Assignment { role: token.role, group });
        terms.by.viewer.may_make_token(&world, what, token.user)?;
        if let Some(fault) = what.and_then(|what| what.fault(tree)) {
            return Err(Error::Invalid(fault.into()));
        }
        if named(conn, &token.name).await?.is_some() {
            let fault = format!("a token is called {:?} already", token.name);
            return Err(Error::Invalid(fault));
        }
        insert(&token, terms).execute(conn).await?;
        let made = named(conn, &token.name).await?;
        let made = made.ok_or_else(|| Error::not_found("token", format!("{:?}", token.name)))?;
        audit::record(conn, terms.made(), &[record::token(tree, &made, true)]).await?;
        keep(conn, terms, (&[made.id], &[])).await?;
        writing.commit().await?;
        Ok(Issued { record: made, replayed: false })
    }

    /// Ends a token: from now on it is nothing.
    pub async fn revoke_token(&self, id: i64, terms: Terms<'_>) -> Result<Token> {
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        let found = with_id(conn, id).await?;
        let token = found.ok_or_else(|| Error::not_found("token", id))?;
        let world = world_of(self, conn).await?;
        terms.by.viewer.may_make_token(&world, token.assignment(), token.user)?;
        sql("delete from tokens where id = ?").bind(id).execute(conn).await?;
        let entry = record::token(&world.tree, &token, false);
        audit::record(conn, terms.made(), &[entry]).await?;
        writing.commit().await?;
        Ok(token)
    }

    /// The token of this name.
    pub async fn find_token(&self, name: &str) -> Result<Token> {
        let found = named(&mut self.conn().await?, name).await?;
        found.ok_or_else(|| Error::not_found("token", format!("{name:?}")))
    }

    /// All tokens, by id.
    pub async fn tokens(&self) -> Result<Vec<Token>> {
        let rows: Vec<Row> =
            sql(format!("{TOKENS} order by id")).all(&mut self.conn().await?).await?;
        rows.into_iter().map(token).collect()
    }

    /// The token with this hash, expired or not.
    pub async fn bearer(&self, hash: SecretHash) -> Result<Option<Bearer>> {
        let row: Option<Row> = sql(format!("{TOKENS} and hash = ?"))
            .bind(hash.to_vec())
            .optional(&mut self.conn().await?)
            .await?;
        Ok(row.map(token).transpose()?.map(|token| Bearer { hash, token }))
    }

    /// Notes when tokens were used last; nobody is told of that.
    pub async fn note_token_use(&self, used: &[(i64, Moment)]) -> Result<()> {
        let mut writing = self.writing().await?;
        for (id, at) in used {
            sql("update tokens set last_used_at = ? where id = ?")
                .bind(at.0)
                .bind(*id)
                .execute(writing.conn())
                .await?;
        }
        writing.commit().await?;
        Ok(())
    }

    /// Whether a token of a server administrator is valid.
    pub async fn has_server_token(&self, at: Moment) -> Result<bool> {
        let (count,): (i64,) = sql("select count(*) from tokens
            where role = 'server_administrator' and (expires_at is null or expires_at > ?)")
        .bind(at.0)
        .one(&mut self.conn().await?)
        .await?;
        Ok(count > 0)
    }
}

/// The end of what is made with something that ends itself.
fn within(asked: Option<Moment>, own: Option<Moment>) -> Result<Option<Moment>> {
    match (asked, own) {
        (Some(asked), Some(own)) if asked > own => {
            Err(Error::Invalid("a token made with a token ends with it at the latest".into()))
        }
        _ => Ok(asked.or(own)),
    }
}

/// What no database is needed for.
fn check(token: &NewToken, at: Moment) -> Result<()> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let fault =
        if token.name.is_empty() || token.name.len() > NAME_MAX || !token.name.bytes().all(is_word)
        {
            "a token's name has 1 to 64 letters, digits, dots, dashes and underscores"
        } else if token.expires_at.is_some_and(|end| end <= at) {
            "the token's end has passed already"
        } else if token.expires_at.is_some_and(|end| end.0 > LAST) {
            "the token's end is too far away"
        } else if token.user.is_some() && token.role != Role::User {
            "only a token of the role user is for a user"
        } else if token.group.is_none() && token.user.is_none() {
            "a token is for a group or a user"
        } else if token.group.is_none() && token.role != Role::User {
            "this role is for a group"
        } else {
            return Ok(());
        };
    Err(Error::Invalid(fault.into()))
}

fn insert(token: &NewToken, terms: Terms<'_>) -> Sql {
    sql("insert into tokens (name, hash, role, group_id, user_id, read_only, created_at, expires_at,
            created_by) values (?, ?, ?, ?, ?, ?, ?, ?, ?)")
    .bind(&*token.name)
    .bind(token.hash.to_vec())
    .bind(token.role.name())
    .bind(token.group.map(|group| group.0))
    .bind(token.user.map(|user| user.0))
    .bind(token.read_only)
    .bind(terms.at.0)
    .bind(token.expires_at.map(|end| end.0))
    .bind(&*terms.by.who)
}

async fn named(conn: &mut Conn, name: &str) -> Result<Option<Token>> {
    let row = sql(format!("{TOKENS} and name = ?")).bind(name).optional(conn).await?;
    row.map(token).transpose()
}

async fn with_id(conn: &mut Conn, id: i64) -> Result<Option<Token>> {
    let row = sql(format!("{TOKENS} and id = ?")).bind(id).optional(conn).await?;
    row.map(token).transpose()
}

fn token(row: Row) -> Result<Token> {
    let (id, name, role, group, user, read_only, created_at, expires_at, last_used_at, created_by) =
        row;
    Ok(Token {
        id,
        name,
        role: role_of(&role)?,
        group: group.map(GroupId),
        user: user.map(UserId),
        read_only,
        created_at: Moment(created_at),
        expires_at: expires_at.map(Moment),
        last_used_at: last_used_at.map(Moment),
        created_by,
    })
}
