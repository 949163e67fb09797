//! Who may what, as rows: roles, passwords, sessions, API tokens and set-up links. Secrets come and go
//! as hashes; what a password or a token looks like, the room `people` knows.

mod passwords;
mod record;
mod roles;
mod sessions;
mod setups;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};

use crate::license::{Directory, GroupId, Holder, Role, Tree, UserId, World};

use super::audit::{Entry, Gone};
use super::sql::Conn;
use super::{Error, Result, Store, tree};

pub use roles::Assigned;
pub use sessions::{NewSession, Session};
pub use setups::FirstAdministrator;
pub use tokens::{Bearer, NewToken, Token};

/// SHA-256 of a secret: what stands in the database instead of it.
pub type SecretHash = [u8; 32];

/// Entries for the roles and tokens that go along with what is removed; they still stand.
pub(super) async fn along(conn: &mut Conn, tree: &Tree, gone: &Gone) -> Result<Vec<Entry>> {
    let mut roles = BTreeSet::new();
    let mut tokens = BTreeMap::new();
    for (column, ids) in gone.references() {
        roles.extend(roles::referring(conn, column, ids).await?);
        let found = tokens::referring(conn, column, ids).await?;
        tokens.extend(found.into_iter().map(|token| (token.id, token)));
    }
    let roles = roles.iter().map(|one| record::role(tree, one, false));
    let tokens = tokens.values().map(|token| record::token(tree, token, false));
    Ok(roles.chain(tokens).collect())
}

/// The tree as the transaction sees it; no right asked here is about numbers.
async fn world_of(store: &Store, conn: &mut Conn) -> Result<World> {
    let tree = tree::current(store, conn).await?;
    Ok(World { tree, directory: Directory::new() })
}

fn expect_group(tree: &Tree, group: GroupId) -> Result<()> {
    let found = tree.contains(Holder::Group(group));
    found.then_some(()).ok_or_else(|| Error::not_found("group", group))
}

fn expect_user(tree: &Tree, user: UserId) -> Result<String> {
    let found = tree.user(user).map(|user| user.name.clone());
    found.ok_or_else(|| Error::not_found("user", user))
}

/// A role as a row has it.
fn role_of(text: &str) -> Result<Role> {
    text.parse().map_err(Error::Invalid)
}

fn hash_of(bytes: Vec<u8>) -> Result<SecretHash> {
    let unreadable = |_| Error::Invalid("a hash in the database has another length".into());
    bytes.try_into().map_err(unreadable)
}

#[cfg(test)]
mod tests;
