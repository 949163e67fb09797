//! What packets read of the tree: who owns a number, and the gates above. Immutable, in pieces:
//! a new snapshot shares every piece that did not change.

use std::net::IpAddr;
use std::sync::Arc;

use foldhash::HashMap;

use super::path::Path;
use crate::license::{Directory, GroupId, Holder, NumberId, NumberKind, UserId, Whereabouts};

/// Owners of one page; a change copies one.
const PAGE: usize = 64;

/// The paths of owners whose ids follow each other, which they mostly do.
type Page = [Option<Arc<Path>>; PAGE];

/// Whether users', and which.
type PageKey = (bool, i64);

/// Whose a number is, and what it stands under.
#[derive(Clone, Debug)]
pub struct Owned {
    pub holder: Holder,
    pub kind: NumberKind,
    /// Somebody created it; else it comes by a claim.
    pub created: bool,
    pub has_password: bool,
    pub number: Option<NumberId>,
    pub path: Arc<Path>,
}

/// The published facts.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    /// Another one for each; 0 for none.
    serial: u32,
    pages: Arc<HashMap<PageKey, Arc<Page>>>,
    directory: Directory,
}

impl Snapshot {
    /// Nobody owns anything.
    pub fn new() -> Self {
        Self { serial: 1, pages: Arc::default(), directory: Directory::new() }
    }

    /// Who owns a normalized number.
    pub fn owned(&self, aor: &str) -> Option<Owned> {
        self.with_path(self.directory.owner_of(aor)?)
    }

    /// The created numbers, and claims.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Who owns calls from a source address.
    pub fn owned_address(&self, address: IpAddr) -> Option<Owned> {
        self.with_path(self.directory.owner_of_address(address)?)
    }

    fn with_path(&self, owned: crate::license::Owned) -> Option<Owned> {
        Some(Owned {
            holder: owned.holder,
            kind: owned.kind,
            created: owned.is_created(),
            has_password: owned.has_password,
            number: owned.number,
            path: Arc::clone(self.path(owned.holder)?),
        })
    }

    /// The gates over an owner's numbers.
    pub fn path(&self, holder: Holder) -> Option<&Arc<Path>> {
        let (key, at) = place_of(holder);
        self.pages.get(&key)?.get(at)?.as_ref()
    }

    /// Where it is written which path an owner has.
    pub fn whereabouts_of_path(&self, holder: Holder) -> Option<Whereabouts> {
        let (key, at) = place_of(holder);
        self.pages.get(&key)?.get(at).map(Whereabouts::of)
    }

    /// What tells it from those before it.
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// The next one begins with another directory.
    pub fn set_directory(&mut self, directory: Directory) {
        self.serial = self.serial.wrapping_add(1).max(1);
        self.directory = directory;
    }

    /// Sets or forgets an owner's path.
    pub fn set_path(&mut self, holder: Holder, path: Option<Arc<Path>>) {
        let (key, at) = place_of(holder);
        let pages = Arc::make_mut(&mut self.pages);
        let page = pages.entry(key).or_insert_with(|| Arc::new([const { None }; PAGE]));
        if let Some(place) = Arc::make_mut(page).get_mut(at) {
            *place = path;
        }
        if page.iter().all(Option::is_none) {
            pages.remove(&key);
        }
    }

    /// Every owner whose path is known.
    pub fn holders(&self) -> impl Iterator<Item = Holder> {
        self.pages.iter().flat_map(|(key, page)| {
            let known = page.iter().enumerate().filter(|(_, path)| path.is_some());
            known.map(|(at, _)| holder_at(*key, at))
        })
    }
}

fn place_of(holder: Holder) -> (PageKey, usize) {
    let (of_users, id) = match holder {
        Holder::Group(id) => (false, id.0),
        Holder::User(id) => (true, id.0),
    };
    let page = PAGE as i64;
    ((of_users, id.div_euclid(page)), id.rem_euclid(page) as usize)
}

fn holder_at((of_users, page): PageKey, at: usize) -> Holder {
    let id = page * PAGE as i64 + at as i64;
    match of_users {
        true => Holder::User(UserId(id)),
        false => Holder::Group(GroupId(id)),
    }
}
