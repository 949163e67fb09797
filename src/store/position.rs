//! How far a reader of the feed is, and what a write is known by. Which database it is about nobody
//! else needs to know.

/// How far a reader is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position(pub(super) At);

/// What a committed write is known by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark(pub(super) i64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// SQLite: writers come one after the other, so their changes are in order of number.
    Change(i64),
    /// PostgreSQL: they do not, so it is a set of transactions.
    Snapshot(Snapshot),
}

/// What was committed at an instant, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// As PostgreSQL writes it: `xmin:xmax:xip,xip`.
    pub text: String,
    /// Which server and which table: a copy that was put back is another.
    pub cluster: i64,
    pub table: i64,
    /// The server's clock.
    pub at: i64,
}

impl Position {
    /// Whether whoever is here has read that write.
    pub fn includes(&self, mark: &Mark) -> bool {
        match &self.0 {
            At::Change(last) => mark.0 <= *last,
            At::Snapshot(snapshot) => snapshot.includes(mark.0),
        }
    }
}

impl Default for Position {
    fn default() -> Self {
        Self(At::Change(0))
    }
}

impl Snapshot {
    /// No transaction from this one on had ended.
    pub fn xmax(&self) -> i64 {
        self.parts().1
    }

    fn includes(&self, xid: i64) -> bool {
        let (xmin, xmax, mut open) = self.parts();
        xid < xmin || (xid < xmax && open.all(|one| one != xid))
    }

    fn parts(&self) -> (i64, i64, impl Iterator<Item = i64>) {
        let mut parts = self.text.splitn(3, ':');
        let mut int = || parts.next().and_then(|part| part.parse().ok()).unwrap_or_default();
        let (xmin, xmax) = (int(), int());
        let open = parts.next().unwrap_or_default().split(',').filter_map(|one| one.parse().ok());
        (xmin, xmax, open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_has_what_had_ended_and_nothing_that_was_open() {
        let snapshot = |text: &str| {
            let text = text.to_owned();
            Position(At::Snapshot(Snapshot { text, cluster: 1, table: 1, at: 1 }))
        };
        let position = snapshot("10:20:10,15");

        let read = [9, 11, 14, 19];
        let unread = [10, 15, 20, 21];

        assert!(read.iter().all(|xid| position.includes(&Mark(*xid))));
        assert!(unread.iter().all(|xid| !position.includes(&Mark(*xid))));
        assert!(snapshot("7:7:").includes(&Mark(6)) && !snapshot("7:7:").includes(&Mark(7)));
        assert!(Position(At::Change(3)).includes(&Mark(3)));
        assert!(!Position(At::Change(3)).includes(&Mark(4)));
    }
}
