//! Writes. Each is one transaction that locks before it reads, so that two writers can't both take
//! the last one: read, check, write, or nothing.

use std::sync::LazyLock;

use crate::license::distribution::{self, Change, Listener, Warning};
use crate::license::{
    Claim, ClaimId, Group, GroupId, License, LicenseId, Moment, NoSeats, Number, NumberId, Tree,
    Usage, User, UserId, Viewer, World,
};

use super::audit::{self, Made};
use super::once::Outcome;
use super::packed::{Fields, Packed, Wanted};
use super::persist::{give_ids, lend_ids, persist};
use super::sql::Conn;
use super::{Error, Findings, Mark, Once, Result, Store, check, once, packed, rows, tag};

/// Who writes, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// `cli:root`, `user:anna`, `token:ci`, `daemon`.
    pub who: String,
    /// `cli`, or the address that a request came from.
    pub from: String,
    pub viewer: Viewer,
}

/// Under what terms a write is checked.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// The instant that counts as now.
    pub at: Moment,
    /// Write what would be refused, where the rules allow force.
    pub force: bool,
    /// What the wire holds at the moment.
    pub usage: &'a (dyn Usage + Sync),
    pub by: &'a Author,
    /// The tag of the record that is edited or removed, as its editor saw it.
    pub expect: Option<&'a str>,
    /// The key of a write that may come twice and is to happen once.
    pub once: Option<&'a Once>,
}

/// What was written, and what still does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<Id> {
    pub id: Id,
    pub warnings: Vec<Warning>,
    /// For whoever waits until a reader has it.
    pub mark: Mark,
    /// Nothing was written now: this is what the same write was answered before.
    pub replayed: bool,
}

/// A record with a secret of its own, which is told when it is made and never again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued<T> {
    pub record: T,
    /// It was made before, by the same write; its secret was told then.
    pub replayed: bool,
}

impl Author {
    /// The daemon itself, which may everything.
    pub fn daemon() -> Self {
        Self { who: "daemon".into(), from: "daemon".into(), viewer: Viewer::server() }
    }
}

impl Terms<'static> {
    /// Unforced, and nothing in use, by the daemon itself.
    pub fn at(at: Moment) -> Self {
        static DAEMON: LazyLock<Author> = LazyLock::new(Author::daemon);
        Self { at, force: false, usage: &NoSeats, by: &DAEMON, expect: None, once: None }
    }
}

impl<'a> Terms<'a> {
    /// Who makes entries in the record of changes.
    pub(super) fn made(&self) -> Made<'a> {
        Made { by: self.by, at: self.at, forced: self.force }
    }
}

impl Store {
    /// Checks a change and writes it. A new record comes with the id 0; the ids that were given come
    /// back in order.
    pub async fn write(&self, mut change: Change, terms: Terms<'_>) -> Result<Written<Vec<i64>>> {
        let mut writing = self.writing().await?;
        if let Some((id, warnings)) = answered(writing.conn(), terms).await? {
            let mark = writing.commit().await?;
            return Ok(Written { id, warnings, mark, replayed: true });
        }
        let id = give_ids(writing.conn(), &mut change).await?;
        let warnings = checked(self, writing.conn(), &change, terms).await?;
        keep(writing.conn(), terms, (&id, &warnings)).await?;
        let mark = writing.commit().await?;
        Ok(Written { id, warnings, mark, replayed: false })
    }

    /// Writes what `make` makes of the tree as it stands in the transaction that writes: nothing that
    /// another writer did is lost.
    pub async fn compose(
        &self,
        make: impl FnOnce(&Tree) -> Result<Change>,
        terms: Terms<'_>,
    ) -> Result<Written<Vec<i64>>> {
        let mut writing = self.writing().await?;
        if let Some((id, warnings)) = answered(writing.conn(), terms).await? {
            let mark = writing.commit().await?;
            return Ok(Written { id, warnings, mark, replayed: true });
        }
        let world = check::world(self, writing.conn(), &Change::All(Vec::new())).await?;
        let mut change = make(&world.tree)?;
        let id = give_ids(writing.conn(), &mut change).await?;
        let warnings = checked(self, writing.conn(), &change, terms).await?;
        keep(writing.conn(), terms, (&id, &warnings)).await?;
        let mark = writing.commit().await?;
        Ok(Written { id, warnings, mark, replayed: false })
    }

    /// Says what `write` would say, writes nothing and stops no writer.
    pub async fn preview(&self, mut change: Change, terms: Terms<'_>) -> Result<Vec<Warning>> {
        let mut tx = self.reading().await?;
        lend_ids(&mut tx, &mut change).await?;
        let world = check::world(self, &mut tx, &change).await?;
        tx.commit().await?;
        terms.by.viewer.may_write(&world, &change)?;
        if let Some(expected) = terms.expect {
            tag::expect(&world, &change, expected)?;
        }
        judged(&world, &change, terms)
    }

    /// Adds a group.
    pub async fn add_group(&self, group: Group, terms: Terms<'_>) -> Result<Written<GroupId>> {
        let group = Group { id: GroupId(0), ..group };
        self.add(Change::AddGroup { group, licenses: Vec::new() }, GroupId, terms).await
    }

    /// Adds a user to the groups it names.
    pub async fn add_user(&self, user: User, terms: Terms<'_>) -> Result<Written<UserId>> {
        let user = User { id: UserId(0), ..user };
        self.add(Change::AddUser { user, licenses: Vec::new() }, UserId, terms).await
    }

    /// Grants a license.
    pub async fn add_license(
        &self,
        license: License,
        terms: Terms<'_>,
    ) -> Result<Written<LicenseId>> {
        let license = License { id: LicenseId(0), ..license };
        self.add(Change::AddLicense(license), LicenseId, terms).await
    }

    /// Creates a number.
    pub async fn add_number(&self, number: Number, terms: Terms<'_>) -> Result<Written<NumberId>> {
        let number = Number { id: NumberId(0), ..number };
        self.add(Change::AddNumbers(vec![number]), NumberId, terms).await
    }

    /// Gives a group a claim.
    pub async fn add_claim(&self, claim: Claim, terms: Terms<'_>) -> Result<Written<ClaimId>> {
        let claim = Claim { id: ClaimId(0), ..claim };
        self.add(Change::AddClaim(claim), ClaimId, terms).await
    }

    /// Edits a group as it is stored; another parent moves it.
    pub async fn edit_group(
        &self,
        id: GroupId,
        edit: impl FnOnce(&mut Group),
        terms: Terms<'_>,
    ) -> Result<Written<GroupId>> {
        let change = |old: Group| {
            let mut group = old.clone();
            edit(&mut group);
            let moved = group.parent.filter(|_| group.parent != old.parent);
            let edited = Group { id, ..group };
            let differs = Group { parent: old.parent, ..edited.clone() } != old;
            let edited = differs.then_some(Change::EditGroup { group: edited, licenses: vec![] });
            let moved = moved.map(|parent| Change::MoveGroup { group: id, parent });
            // Moved first: the new name need not be free among the old siblings.
            Change::All(moved.into_iter().chain(edited).collect())
        };
        let read = |row: Fields<'_>, findings: &mut Findings| Some(rows::group(row, findings));
        self.edit((&rows::GROUPS, "group"), (id, id.0), read, change, terms).await
    }

    /// Edits a user as it is stored, memberships included.
    pub async fn edit_user(
        &self,
        id: UserId,
        edit: impl FnOnce(&mut User),
        terms: Terms<'_>,
    ) -> Result<Written<UserId>> {
        let change = |mut user: User| {
            edit(&mut user);
            Change::EditUser { user: User { id, ..user } }
        };
        let read = |row: Fields<'_>, _: &mut Findings| Some(rows::user(row));
        self.edit((&rows::USERS, "user"), (id, id.0), read, change, terms).await
    }

    /// Edits a license as it is stored. Suspending and resuming are never refused.
    pub async fn edit_license(
        &self,
        id: LicenseId,
        edit: impl FnOnce(&mut License),
        terms: Terms<'_>,
    ) -> Result<Written<LicenseId>> {
        let change = |mut license: License| {
            edit(&mut license);
            Change::EditLicense(License { id, ..license })
        };
        self.edit((&rows::LICENSES, "license"), (id, id.0), rows::license, change, terms).await
    }

    /// Edits a number as it is stored; another owner moves it.
    pub async fn edit_number(
        &self,
        id: NumberId,
        edit: impl FnOnce(&mut Number),
        terms: Terms<'_>,
    ) -> Result<Written<NumberId>> {
        let change = |mut number: Number| {
            edit(&mut number);
            Change::EditNumber(Number { id, ..number })
        };
        let read = |row: Fields<'_>, _: &mut Findings| rows::number(row).map(Number::from);
        self.edit((&rows::NUMBERS, "number"), (id, id.0), read, change, terms).await
    }

    /// Edits a claim as it is stored.
    pub async fn edit_claim(
        &self,
        id: ClaimId,
        edit: impl FnOnce(&mut Claim),
        terms: Terms<'_>,
    ) -> Result<Written<ClaimId>> {
        let change = |mut claim: Claim| {
            edit(&mut claim);
            Change::All(vec![Change::RemoveClaim(id), Change::AddClaim(Claim { id, ..claim })])
        };
        self.edit((&rows::CLAIMS, "claim"), (id, id.0), rows::claim, change, terms).await
    }

    /// Stops a license on the wire; its sums stay.
    pub async fn suspend_license(&self, id: LicenseId, terms: Terms<'_>) -> Result<Vec<Warning>> {
        self.remove(Change::SuspendLicense(id), terms).await
    }

    /// Ends a suspension.
    pub async fn resume_license(&self, id: LicenseId, terms: Terms<'_>) -> Result<Vec<Warning>> {
        self.remove(Change::ResumeLicense(id), terms).await
    }

    /// Removes a group; by force with all that stands under it.
    pub async fn remove_group(&self, id: GroupId, terms: Terms<'_>) -> Result<Vec<Warning>> {
        self.remove(Change::RemoveGroup { group: id }, terms).await
    }

    /// Removes a user; by force with its numbers.
    pub async fn remove_user(&self, id: UserId, terms: Terms<'_>) -> Result<Vec<Warning>> {
        self.remove(Change::RemoveUser { user: id }, terms).await
    }

    /// Removes a license.
    pub async fn remove_license(&self, id: LicenseId, terms: Terms<'_>) -> Result<Vec<Warning>> {
        self.remove(Change::RemoveLicense(id), terms).await
    }

    /// Removes a number.
    pub async fn remove_number(&self, id: NumberId, terms: Terms<'_>) -> Result<Vec<Warning>> {
        self.remove(Change::RemoveNumbers(vec![id]), terms).await
    }

    /// Removes a claim.
    pub async fn remove_claim(&self, id: ClaimId, terms: Terms<'_>) -> Result<Vec<Warning>> {
        self.remove(Change::RemoveClaim(id), terms).await
    }

    async fn add<Id>(
        &self,
        change: Change,
        id: fn(i64) -> Id,
        terms: Terms<'_>,
    ) -> Result<Written<Id>> {
        let Written { id: given, warnings, mark, replayed } = self.write(change, terms).await?;
        let id = id(given.first().copied().unwrap_or_default());
        Ok(Written { id, warnings, mark, replayed })
    }

    async fn remove(&self, change: Change, terms: Terms<'_>) -> Result<Vec<Warning>> {
        Ok(self.write(change, terms).await?.warnings)
    }

    /// Reads the record in the transaction that writes it: nothing another writer did is lost.
    async fn edit<Id, R>(
        &self,
        (packed, what): (&Packed, &str),
        (id, key): (Id, i64),
        read: impl Fn(Fields<'_>, &mut Findings) -> Option<R>,
        change: impl FnOnce(R) -> Change,
        terms: Terms<'_>,
    ) -> Result<Written<Id>> {
        let mut writing = self.writing().await?;
        if let Some((_, warnings)) = answered(writing.conn(), terms).await? {
            let mark = writing.commit().await?;
            return Ok(Written { id, warnings, mark, replayed: true });
        }
        let (mut old, mut findings) = (None, Findings::default());
        let wanted = Wanted::Ids("id", vec![key]);
        packed::some(writing.conn(), packed, &wanted, |row| old = read(row, &mut findings)).await?;
        let change = change(old.ok_or_else(|| Error::not_found(what, key))?);
        let warnings = checked(self, writing.conn(), &change, terms).await?;
        keep(writing.conn(), terms, (&[key], &warnings)).await?;
        let mark = writing.commit().await?;
        Ok(Written { id, warnings, mark, replayed: false })
    }
}

/// Checks a change and writes it, inside the caller's transaction.
pub(super) async fn checked(
    store: &Store,
    conn: &mut Conn,
    change: &Change,
    terms: Terms<'_>,
) -> Result<Vec<Warning>> {
    let world = check::world(store, conn, change).await?;
    terms.by.viewer.may_write(&world, change)?;
    if let Some(expected) = terms.expect {
        tag::expect(&world, change, expected)?;
    }
    let warnings = judged(&world, change, terms)?;
    let renewed = audit::renewed_passwords(conn, change).await?;
    let entries = audit::entries(&world, change, &renewed);
    persist(conn, &world, change).await?;
    audit::record(conn, terms.made(), &entries).await?;
    Ok(warnings)
}

/// What the rules of distribution say, as the author may read it.
fn judged(world: &World, change: &Change, terms: Terms<'_>) -> Result<Vec<Warning>> {
    let told = distribution::check(world, change, terms.at, terms.force, terms.usage);
    let viewer = &terms.by.viewer;
    if viewer.is_server() || told.as_ref().is_ok_and(Vec::is_empty) {
        return Ok(told?);
    }
    let listener = Listener::new(viewer, world, change);
    match told {
        Ok(warnings) => Ok(warnings.into_iter().map(|one| listener.warning(one)).collect()),
        Err(refused) => Err(listener.refused(refused).into()),
    }
}

/// What this very write was answered before.
pub(super) async fn answered(conn: &mut Conn, terms: Terms<'_>) -> Result<Option<Outcome>> {
    match terms.once {
        Some(once) => once::answered(conn, &terms.by.who, once, terms.at).await,
        None => Ok(None),
    }
}

/// Keeps what this write is answered, if it may come twice.
pub(super) async fn keep(
    conn: &mut Conn,
    terms: Terms<'_>,
    outcome: (&[i64], &[Warning]),
) -> Result<()> {
    match terms.once {
        Some(once) => once::keep(conn, &terms.by.who, once, terms.at, outcome).await,
        None => Ok(()),
    }
}
