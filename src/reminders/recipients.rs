//! Who gets the mails of a reminder, and how much each of them may read.

use std::collections::HashSet;

use crate::license::{GroupId, Reminder, Role, SERVER, Tree, UserId};

/// Somebody who is mailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// With the domain in lower case.
    pub address: String,
    pub sees: Sees,
}

/// What a recipient may know of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// This group and all below it, with figures.
    From(GroupId),
    /// That the licenses of their own group end, no figures.
    Own(GroupId),
}

/// The recipients of a group's reminder, each address once, by the widest of its reasons.
///
/// Administrators are the users with a company or site administrator's role on that very group and an
/// address in their profile; where there is none, those of the nearest group above that has some. The
/// server's own are the server administrators. The addresses that the reminder names and the group's
/// own contact addresses are told what may be known on the group. End users come where they are ticked.
///
/// `administrators` are those of the group and of all above it.
pub fn recipients(
    tree: &Tree,
    reminder: &Reminder,
    administrators: &[(GroupId, Role, UserId)],
) -> Vec<Recipient> {
    let group = reminder.group;
    let mut found = Found::default();
    for above in tree.lineage(group) {
        for address in addresses_of(tree, above.id, administrators) {
            found.add(address, Sees::From(above.id));
        }
        if !found.list.is_empty() {
            break;
        }
    }
    let contacts = tree.group(group).map(|group| group.admin_emails.as_slice()).unwrap_or_default();
    for address in reminder.also.iter().chain(contacts) {
        found.add(address, Sees::From(group));
    }
    if reminder.users {
        for below in tree.subtree(group) {
            let users = tree.members(below).filter_map(|user| tree.user(user)?.email.as_deref());
            users.for_each(|address| found.add(address, Sees::Own(below)));
        }
    }
    found.list
}

fn addresses_of<'t>(
    tree: &'t Tree,
    group: GroupId,
    administrators: &[(GroupId, Role, UserId)],
) -> Vec<&'t str> {
    let counts = |role: Role| match role {
        Role::CompanyAdministrator | Role::SiteAdministrator => true,
        Role::ServerAdministrator => group == SERVER,
        Role::Concierge | Role::User => false,
    };
    let here = administrators.iter().filter(|(on, role, _)| *on == group && counts(*role));
    here.filter_map(|(_, _, user)| tree.user(*user)?.email.as_deref()).collect()
}

#[derive(Default)]
struct Found {
    list: Vec<Recipient>,
    known: HashSet<String>,
}

impl Found {
    fn add(&mut self, address: &str, sees: Sees) {
        let address = one_spelling(address);
        if self.known.insert(address.clone()) {
            self.list.push(Recipient { address, sees });
        }
    }
}

/// Case matters before the `@` alone (RFC 5321 2.4).
fn one_spelling(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((user, domain)) => format!("{user}@{}", domain.to_lowercase()),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::{Every, Group, HandOut, User};

    const DEALER: GroupId = GroupId(2);
    const HOUSE: GroupId = GroupId(3);
    const FLAT: GroupId = GroupId(4);

    fn group(id: GroupId, parent: GroupId) -> Group {
        Group {
            id,
            parent: Some(parent),
            name: format!("g{id}"),
            kind: String::new(),
            restricted: true,
            hand_out: HandOut::Split,
            time_zone: None,
            monitor: false,
            admin_emails: Vec::new(),
        }
    }

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.upsert_group(group(DEALER, SERVER));
        tree.upsert_group(group(HOUSE, DEALER));
        tree.upsert_group(group(FLAT, HOUSE));
        for (id, email) in
            [(1, Some("root@s.com")), (2, Some("Dora@D.com")), (3, None), (4, Some("anna@h.com"))]
        {
            let email = email.map(str::to_owned);
            let groups = vec![if id == 4 { FLAT } else { DEALER }];
            tree.upsert_user(User { id: UserId(id), name: format!("u{id}"), email, groups });
        }
        tree
    }

    fn reminder(group: GroupId) -> Reminder {
        Reminder { group, days: 7, every: Every::Once, also: vec![], users: false, enabled: true }
    }

    fn told(reminder: &Reminder, roles: &[(GroupId, Role, UserId)]) -> Vec<(String, Sees)> {
        let found = recipients(&tree(), reminder, roles);
        found.into_iter().map(|one| (one.address, one.sees)).collect()
    }

    const ROOT: (GroupId, Role, UserId) = (SERVER, Role::ServerAdministrator, UserId(1));
    const DORA: (GroupId, Role, UserId) = (DEALER, Role::CompanyAdministrator, UserId(2));

    #[test]
    fn the_groups_own_administrators_else_the_nearest_above() {
        let anna = (HOUSE, Role::SiteAdministrator, UserId(4));
        let silent = (HOUSE, Role::SiteAdministrator, UserId(3));
        let concierge = (HOUSE, Role::Concierge, UserId(4));

        let own = told(&reminder(HOUSE), &[ROOT, DORA, anna]);
        let above = told(&reminder(HOUSE), &[ROOT, DORA, silent, concierge]);
        let server = told(&reminder(HOUSE), &[ROOT]);

        assert_eq!(own, [("anna@h.com".into(), Sees::From(HOUSE))]);
        assert_eq!(above, [("Dora@d.com".into(), Sees::From(DEALER))]);
        assert_eq!(server, [("root@s.com".into(), Sees::From(SERVER))]);
    }

    #[test]
    fn partners_are_told_too_and_nobody_twice() {
        let mut house = reminder(HOUSE);
        house.also = vec!["Dora@D.COM".into(), "dora@d.com".into(), "p@p.com".into()];

        let found = told(&house, &[DORA]);

        assert_eq!(
            found,
            [
                ("Dora@d.com".into(), Sees::From(DEALER)),
                ("dora@d.com".into(), Sees::From(HOUSE)),
                ("p@p.com".into(), Sees::From(HOUSE)),
            ]
        );
    }

    #[test]
    fn end_users_only_where_ticked() {
        let mut house = reminder(HOUSE);
        assert_eq!(told(&house, &[]), []);

        house.users = true;

        assert_eq!(told(&house, &[]), [("anna@h.com".into(), Sees::Own(FLAT))]);
    }
}
