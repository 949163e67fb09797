//! What packets read of the tree: who owns a number, and the gates above. Immutable, in pieces:
//! a new snapshot shares every piece that did not change.

use std::net::IpAddr;
use std::sync::Arc;

use foldhash::HashMap;

use super::path::Path;
use crate::license::{Directory, Holder, NumberId, NumberKind};

/// How many pieces the paths are kept in; a change copies one.
const PIECES: usize = 256;

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
    paths: Vec<Arc<HashMap<Holder, Arc<Path>>>>,
    directory: Directory,
}

impl Snapshot {
    /// Nobody owns anything.
    pub fn new() -> Self {
        Self { paths: vec![Arc::default(); PIECES], directory: Directory::new() }
    }

    /// Who owns a normalized number.
    pub fn owned(&self, aor: &str) -> Option<Owned> {
        self.with_path(self.directory.owner_of(aor)?)
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
        self.paths.get(piece(holder))?.get(&holder)
    }

    pub fn set_directory(&mut self, directory: Directory) {
        self.directory = directory;
    }

    /// Sets or forgets an owner's path.
    pub fn set_path(&mut self, holder: Holder, path: Option<Arc<Path>>) {
        let Some(piece) = self.paths.get_mut(piece(holder)) else { return };
        match path {
            Some(path) => Arc::make_mut(piece).insert(holder, path),
            None => Arc::make_mut(piece).remove(&holder),
        };
    }

    /// Every owner whose path is known.
    pub fn holders(&self) -> impl Iterator<Item = Holder> {
        self.paths.iter().flat_map(|piece| piece.keys().copied())
    }
}

fn piece(holder: Holder) -> usize {
    let id = match holder {
        Holder::Group(id) => id.0,
        Holder::User(id) => !id.0,
    };
    id.rem_euclid(PIECES as i64) as usize
}
