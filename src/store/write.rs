//! Writes. Each is one transaction that locks before it reads, so that two writers can't both take
//! the last one: read, check, write, or nothing.

use sqlx::sqlite::SqliteConnection;

use crate::license::distribution::{self, Change, Warning};
use crate::license::{
    Claim, ClaimId, Group, GroupId, License, LicenseId, Moment, NoSeats, Number, NumberId, Usage,
    User, UserId,
};

use super::packed::{Fields, Packed, Wanted};
use super::persist::{give_ids, persist};
use super::{Error, Findings, Result, Store, check, packed, rows};

/// Under what terms a write is checked.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    /// The instant that counts as now.
    pub at: Moment,
    /// Write what would be refused, where the rules allow force.
    pub force: bool,
    /// What the wire holds at the moment.
    pub usage: &'a (dyn Usage + Sync),
}

/// What was written, and what still does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<Id> {
    pub id: Id,
    pub warnings: Vec<Warning>,
}

impl Terms<'static> {
    /// Unforced, and nothing in use.
    pub fn at(at: Moment) -> Self {
        Self { at, force: false, usage: &NoSeats }
    }
}

impl Store {
    /// Checks a change and writes it. A new record comes with the id 0; the ids that were given come
    /// back in order.
    pub async fn write(&self, mut change: Change, terms: Terms<'_>) -> Result<Written<Vec<i64>>> {
        let mut writing = self.writing().await?;
        let id = give_ids(writing.conn(), &mut change).await?;
        let warnings = checked(writing.conn(), &change, terms).await?;
        writing.commit().await?;
        Ok(Written { id, warnings })
    }

    /// Says what `write` would say, and writes nothing.
    pub async fn preview(&self, mut change: Change, terms: Terms<'_>) -> Result<Vec<Warning>> {
        let mut writing = self.writing().await?;
        give_ids(writing.conn(), &mut change).await?;
        checked(writing.conn(), &change, terms).await
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
        let Written { id: given, warnings } = self.write(change, terms).await?;
        Ok(Written { id: id(given.first().copied().unwrap_or_default()), warnings })
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
        let (mut old, mut findings) = (None, Findings::default());
        let wanted = Wanted::Ids("id", vec![key]);
        packed::some(writing.conn(), packed, &wanted, |row| old = read(row, &mut findings)).await?;
        let change = change(old.ok_or_else(|| Error::not_found(what, key))?);
        let warnings = checked(writing.conn(), &change, terms).await?;
        writing.commit().await?;
        Ok(Written { id, warnings })
    }
}

/// Checks a change and writes it, inside the caller's transaction.
pub(super) async fn checked(
    conn: &mut SqliteConnection,
    change: &Change,
    terms: Terms<'_>,
) -> Result<Vec<Warning>> {
    let world = check::world(conn, change).await?;
    let warnings = distribution::check(&world, change, terms.at, terms.force, terms.usage)?;
    persist(conn, &world, change).await?;
    Ok(warnings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::{Feature, FeatureSet, Holder, SERVER, Validity};
    use std::path::Path;

    const NOW: Terms = Terms { at: Moment(1_700_000_000), force: false, usage: &NoSeats };

    fn group(name: &str, parent: GroupId) -> Group {
        Group {
            id: GroupId(0),
            parent: Some(parent),
            name: name.into(),
            kind: "building".into(),
            restricted: true,
            hand_out: Default::default(),
            time_zone: Some(chrono_tz::Europe::Madrid),
            monitor: false,
            admin_emails: vec!["a@b.c".into(), "d@e.f".into()],
        }
    }

    async fn store(folder: &Path) -> Store {
        Store::open("sqlite:a.db", folder).await.unwrap()
    }

    #[tokio::test]
    async fn records_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;

        let top = store.add_group(group("A", SERVER), NOW).await.unwrap().id;
        let user = User { id: UserId(0), name: "u".into(), email: None, groups: vec![top] };
        let user_id = store.add_user(user.clone(), NOW).await.unwrap().id;
        let license = License {
            id: LicenseId(0),
            holder: Holder::Group(top),
            license_type: "Plus".into(),
            sip_numbers: 50,
            mobile_apps: 40,
            features: [Feature::Ukey2, Feature::SipTrunks].into_iter().collect(),
            validity: Validity { from: None, until: Some(Moment(1_800_000_000)) },
            suspended: false,
        };
        let license_id = store.add_license(license.clone(), NOW).await.unwrap().id;
        let edited = store.edit_license(license_id, |it| it.suspended = true, NOW).await.unwrap();

        let all = store.read_records().await.unwrap();
        assert_eq!(all.groups.last(), Some(&Group { id: top, ..group("A", SERVER) }));
        assert_eq!(all.users, [User { id: user_id, ..user }]);
        assert_eq!(edited.id, license_id);
        assert_eq!(all.licenses, [License { id: license_id, suspended: true, ..license }]);
        assert!(all.findings.0.is_empty());
        assert_eq!(store.find_group("/A/").await.unwrap(), top);
        assert!(matches!(store.find_group("A/B").await, Err(Error::NotFound(_))));
    }

    fn license(holder: Holder, sip_numbers: u32) -> License {
        License {
            id: LicenseId(0),
            holder,
            license_type: "Basic".into(),
            sip_numbers,
            mobile_apps: 0,
            features: FeatureSet::NONE,
            validity: Validity::default(),
            suspended: false,
        }
    }

    #[tokio::test]
    async fn nonsense_is_not_stored() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;

        let slash = store.add_group(group("a/b", SERVER), NOW).await;
        let orphan = store.add_group(group("a", GroupId(77)), NOW).await;
        store.add_group(group("a", SERVER), NOW).await.unwrap();
        let twice = store.add_group(group("a", SERVER), NOW).await;
        let apps = License { mobile_apps: 2, ..license(Holder::Group(SERVER), 1) };
        let apps = store.add_license(apps, NOW).await;
        let gone = store.remove_license(LicenseId(5), NOW).await;
        let endless = License { sip_numbers: u32::MAX, ..license(Holder::Group(SERVER), 1) };
        let endless = store.add_license(endless, NOW).await;

        for refused in [slash.err(), orphan.err(), twice.err(), apps.err(), gone.err()] {
            assert!(matches!(refused, Some(Error::Refused(_))), "{refused:?}");
        }
        assert!(matches!(endless, Err(Error::Invalid(_))), "{endless:?}");
        assert_eq!(store.read_records().await.unwrap().groups.len(), 2);
    }

    #[tokio::test]
    async fn a_removed_group_takes_its_subtree_but_not_users_who_are_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let a = store.add_group(group("A", SERVER), NOW).await.unwrap().id;
        let b = store.add_group(group("B", SERVER), NOW).await.unwrap().id;
        let below = store.add_group(group("1", a), NOW).await.unwrap().id;
        let user =
            |name: &str, groups| User { id: UserId(0), name: name.into(), email: None, groups };
        store.add_user(user("only", vec![below]), NOW).await.unwrap();
        let stays = store.add_user(user("both", vec![below, b]), NOW).await.unwrap().id;
        store.add_license(license(Holder::Group(a), 3), NOW).await.unwrap();

        let refused = store.remove_group(a, NOW).await;
        let warnings = store.remove_group(a, Terms { force: true, ..NOW }).await.unwrap();

        assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
        assert!(!warnings.is_empty());
        let all = store.read_records().await.unwrap();
        assert_eq!(all.groups.iter().map(|it| it.id).collect::<Vec<_>>(), [SERVER, b]);
        assert_eq!(all.users, [User { id: stays, ..user("both", vec![b]) }]);
        assert!(all.licenses.is_empty());
    }

    #[tokio::test]
    async fn ids_are_never_given_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let first = store.add_group(group("A", SERVER), NOW).await.unwrap().id;
        store.remove_group(first, NOW).await.unwrap();

        let second = store.add_group(group("A", SERVER), NOW).await.unwrap().id;

        assert_ne!(first, second);
    }

    #[tokio::test]
    async fn a_group_moves_by_its_parent_and_keeps_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let a = store.add_group(group("A", SERVER), NOW).await.unwrap().id;
        let free = Group { restricted: false, ..group("B", SERVER) };
        let b = store.add_group(free.clone(), NOW).await.unwrap().id;

        let edit = |it: &mut Group| {
            it.parent = Some(b);
            it.name = "C".into();
        };
        store.edit_group(a, edit, NOW).await.unwrap();
        let cycle = store.edit_group(b, |it| it.parent = Some(a), NOW).await;

        assert_eq!(store.find_group("B/C").await.unwrap(), a);
        assert_eq!(store.groups(&[a]).await.unwrap(), [Group { id: a, ..group("C", b) }]);
        assert!(matches!(cycle, Err(Error::Refused(_))), "{cycle:?}");
    }
}
