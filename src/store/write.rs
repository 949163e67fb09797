//! Writes. Each is one transaction that locks before it reads, so that two writers can't both take
//! the last one.

use crate::license::{
    Claim, ClaimId, Group, GroupId, License, LicenseId, Moment, Number, NumberId, User, UserId,
};

use super::record::{self, Record};
use super::{Error, Result, Store};

/// Under what terms a write is checked.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The instant that counts as now.
    pub at: Moment,
    /// Write what would be refused, where the rules allow force.
    pub force: bool,
}

/// What was written, and what still does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<Id> {
    pub id: Id,
    pub warnings: Vec<String>,
}

/// Named for each kind of record, so that callers read as what they do.
macro_rules! writes {
    ($($type:ident, $id:ident: $add:ident, $edit:ident, $remove:ident;)+) => {$(
        /// Adds a record; its id is given here.
        pub async fn $add(&self, new: $type, terms: Terms) -> Result<Written<$id>> {
            self.add(new, terms).await
        }

        /// Changes a record: `edit` gets it as it is stored.
        pub async fn $edit(
            &self,
            id: $id,
            edit: impl FnOnce(&mut $type),
            terms: Terms,
        ) -> Result<Written<$id>> {
            self.edit(id, edit, terms).await
        }

        /// Removes a record.
        pub async fn $remove(&self, id: $id, terms: Terms) -> Result<Written<$id>> {
            self.remove::<$type>(id, terms).await
        }
    )+};
}

impl Store {
    writes! {
        Group, GroupId: add_group, edit_group, remove_group;
        User, UserId: add_user, edit_user, remove_user;
        License, LicenseId: add_license, edit_license, remove_license;
        Number, NumberId: add_number, edit_number, remove_number;
        Claim, ClaimId: add_claim, edit_claim, remove_claim;
    }

    async fn add<R: Record>(&self, new: R, _terms: Terms) -> Result<Written<R::Id>> {
        let mut writing = self.writing().await?;
        let new = new.with_id(R::id_of(0));
        let id = R::id_of(new.put(writing.conn()).await?);
        writing.commit().await?;
        Ok(Written { id, warnings: Vec::new() })
    }

    async fn edit<R: Record>(
        &self,
        id: R::Id,
        edit: impl FnOnce(&mut R),
        _terms: Terms,
    ) -> Result<Written<R::Id>> {
        let mut writing = self.writing().await?;
        let old: R = existing(record::get(writing.conn(), id).await?, id)?;
        let mut new = old.clone();
        edit(&mut new);
        let new = new.with_id(id);
        new.put(writing.conn()).await?;
        writing.commit().await?;
        Ok(Written { id, warnings: Vec::new() })
    }

    async fn remove<R: Record>(&self, id: R::Id, _terms: Terms) -> Result<Written<R::Id>> {
        let mut writing = self.writing().await?;
        let old: R = existing(record::get(writing.conn(), id).await?, id)?;
        old.delete(writing.conn()).await?;
        writing.commit().await?;
        Ok(Written { id, warnings: Vec::new() })
    }
}

fn existing<R: Record>(found: Option<R>, id: R::Id) -> Result<R> {
    found.ok_or_else(|| Error::not_found(R::WHAT, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::{Feature, FeatureSet, Holder, SERVER, Validity};
    use std::path::Path;

    const NOW: Terms = Terms { at: Moment(1_700_000_000), force: false };

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

    #[tokio::test]
    async fn nonsense_is_not_stored() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;

        let slash = store.add_group(group("a/b", SERVER), NOW).await;
        let orphan = store.add_group(group("a", GroupId(77)), NOW).await;
        store.add_group(group("a", SERVER), NOW).await.unwrap();
        let twice = store.add_group(group("a", SERVER), NOW).await;
        let apps = License {
            id: LicenseId(0),
            holder: Holder::Group(SERVER),
            license_type: String::new(),
            sip_numbers: 1,
            mobile_apps: 2,
            features: FeatureSet::NONE,
            validity: Validity::default(),
            suspended: false,
        };
        let apps = store.add_license(apps, NOW).await;

        assert!(matches!(slash, Err(Error::Invalid(_))), "{slash:?}");
        assert!(matches!(orphan, Err(Error::Invalid(_))), "{orphan:?}");
        assert!(matches!(twice, Err(Error::Invalid(_))), "{twice:?}");
        assert!(matches!(apps, Err(Error::Invalid(_))), "{apps:?}");
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

        store.remove_group(a, Terms { force: true, ..NOW }).await.unwrap();

        let all = store.read_records().await.unwrap();
        assert_eq!(all.groups.iter().map(|it| it.id).collect::<Vec<_>>(), [SERVER, b]);
        assert_eq!(all.users, [User { id: stays, ..user("both", vec![b]) }]);
    }
}
