//! What one gate has to answer for: the gates and the created numbers under it that stand under no
//! other gate below it, each once, however many ways lead to it.

use std::sync::{Arc, OnceLock};

use super::tree::UserNode;
use super::{GroupId, HandOut, Holder, Moment, Resource, Tree, UserId};

/// What stands under a group with no other gate between.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items {
    /// Groups with restriction on and users with a license on record, in no order.
    pub gates: Vec<Holder>,
    /// Created numbers that stand under no other gate below.
    pub numbers: i64,
    /// Created numbers in the whole subtree, whatever gates are between.
    pub numbers_below: i64,
    /// Whether somebody below is in several groups, of which another may count him as well.
    pub has_shared: bool,
}

/// Counts a user once; `cut`: another gate below the top has him among its items.
fn add_user(node: &UserNode, cut: bool, items: &mut Items) {
    let created = i64::try_from(node.created.total()).unwrap_or(i64::MAX);
    items.numbers_below += created;
    match (cut, node.licenses.is_empty()) {
        (true, _) => {}
        (false, true) => items.numbers += created,
        (false, false) => items.gates.push(Holder::User(node.user.id)),
    }
}

impl Tree {
    /// The items of a gate (or what they would be, for a group that is none). Kept until the tree
    /// changes under this group.
    pub fn items(&self, holder: Holder) -> Arc<Items> {
        match holder {
            Holder::Group(id) => match self.groups.get(&id) {
                Some(node) => node.items.get_or_init(|| Arc::new(self.collect_items(id))).clone(),
                None => Arc::default(),
            },
            Holder::User(_) => {
                let numbers = i64::try_from(self.created(holder).total()).unwrap_or(i64::MAX);
                Arc::new(Items { numbers, numbers_below: numbers, ..Items::default() })
            }
        }
    }

    fn collect_items(&self, top: GroupId) -> Items {
        let mut items = Items::default();
        let mut elsewhere_too = Vec::new();
        // Groups, and whether a gate stands between them and the top, they themselves included.
        let mut open = vec![(top, false)];
        while let Some((id, cut)) = open.pop() {
            let Some(node) = self.groups.get(&id) else { continue };
            let created = i64::try_from(node.created.total()).unwrap_or(i64::MAX);
            let is_gate = id != top && node.group.restricted;
            if is_gate && !cut {
                items.gates.push(Holder::Group(id));
            }
            let cut = cut || is_gate;
            // Of what stands under a gate only the sum counts here, and it may be known.
            if let Some(known) = node.items.get().filter(|known| cut && !known.has_shared) {
                items.numbers_below += known.numbers_below;
                continue;
            }
            items.numbers_below += created;
            items.numbers += if cut { 0 } else { created };
            for user in node.members.iter().filter_map(|user| self.users.get(user)) {
                match user.user.groups.len() {
                    1 => add_user(user, cut, &mut items),
                    _ => elsewhere_too.push(user.user.id),
                }
            }
            open.extend(node.children.values().map(|child| (*child, cut)));
        }
        items.has_shared = !elsewhere_too.is_empty();
        elsewhere_too.sort_unstable();
        elsewhere_too.dedup();
        for user in elsewhere_too {
            self.collect_user(user, top, &mut items);
        }
        items
    }

    /// A user who is in several groups.
    fn collect_user(&self, id: UserId, top: GroupId, items: &mut Items) {
        let Some(node) = self.users.get(&id) else { return };
        let mut gates = node.user.groups.iter().filter_map(|group| self.gate_between(*group, top));
        // One way through another gate below is enough: the user stands under that one.
        let cut = gates.any(|gate| gate != top);
        add_user(node, cut, items);
    }

    /// From `group` upwards, the first gate below `top`, or `top` itself (whether gate or not);
    /// `None` where the way does not lead to `top`.
    fn gate_between(&self, group: GroupId, top: GroupId) -> Option<GroupId> {
        let mut first = None;
        for above in self.lineage(group) {
            if above.id == top {
                return first.or(Some(top));
            }
            if above.restricted && first.is_none() {
                first = Some(above.id);
            }
        }
        None
    }

    /// Every group that the holder stands under, itself included, where each may keep its items: while the
    /// tree is being filled none does.
    fn keepers(&self, holder: Holder) -> Vec<GroupId> {
        if self.is_loading { Vec::new() } else { self.ancestry(holder) }
    }

    /// Empties what is kept for every group that the holder stands under, itself included.
    pub(super) fn forget_items(&mut self, holder: Holder) {
        for id in self.keepers(holder) {
            if let Some(node) = self.groups.get_mut(&id) {
                Arc::make_mut(node).items = Arc::default();
            }
        }
    }

    /// A new gate with nothing under it: one more item where items are kept.
    pub(super) fn add_item_gate(&mut self, gate: Holder) {
        let places = self.keepers(gate);
        let mut between = false;
        // A group has one way up, so up to the first gate it is an item of each.
        for id in places.into_iter().skip(1) {
            if between {
                break;
            }
            self.edit_items(id, |items| items.gates.push(gate));
            between = self.is_gate(Holder::Group(id));
        }
    }

    /// `by` more created numbers of `owner`, where items are kept.
    pub(super) fn add_item_numbers(&mut self, owner: Holder, by: i64) {
        if by == 0 {
            return;
        }
        let alone = matches!(owner, Holder::User(_)) && self.is_gate(owner);
        for top in self.keepers(owner) {
            let counts = !alone
                && self
                    .places(owner)
                    .iter()
                    .filter_map(|place| self.gate_between(*place, top))
                    .all(|gate| gate == top);
            self.edit_items(top, |items| {
                items.numbers_below += by;
                if counts {
                    items.numbers += by;
                }
            });
        }
    }

    fn edit_items(&mut self, id: GroupId, edit: impl FnOnce(&mut Items)) {
        let Some(node) = self.groups.get_mut(&id) else { return };
        let node = Arc::make_mut(node);
        let mut kept = node.items.get().cloned();
        if let Some(items) = &mut kept {
            edit(Arc::make_mut(items));
        }
        // Never the old cell: a copy of the tree may hold it, or fill it later.
        node.items = Arc::new(kept.map_or_else(OnceLock::new, OnceLock::from));
    }

    /// What was granted to the gates among the items, without created numbers.
    pub fn handed_out(&self, holder: Holder, resource: Resource, at: Moment) -> i64 {
        let items = self.items(holder);
        items.gates.iter().map(|gate| self.granted_allowance(*gate, at).of(resource)).sum()
    }

    /// What the gate has promised: what it handed out, and created numbers among its items.
    pub fn committed(&self, gate: Holder, resource: Resource, at: Moment) -> i64 {
        let numbers = match resource {
            Resource::SipNumbers => self.items(gate).numbers,
            Resource::MobileApps => 0,
        };
        self.handed_out(gate, resource, at) + numbers
    }

    /// What a gate may still hand out; negative where more was promised than there is.
    pub fn left(&self, gate: Holder, resource: Resource, at: Moment) -> i64 {
        let allowance = self.granted_allowance(gate, at).of(resource);
        match (self.hand_out(gate), resource) {
            (HandOut::Split, _) => allowance - self.committed(gate, resource, at),
            (HandOut::Shared, Resource::SipNumbers) => allowance - self.items(gate).numbers_below,
            (HandOut::Shared, Resource::MobileApps) => allowance,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::license::{
        Created, Group, GroupId, HandOut, Holder, NumberKind, SERVER, Tree, User, UserId,
    };

    fn group(id: GroupId, parent: GroupId, restricted: bool) -> Group {
        Group {
            id,
            parent: Some(parent),
            name: id.to_string(),
            kind: "dealer".into(),
            restricted,
            hand_out: HandOut::Split,
            time_zone: None,
            monitor: false,
            admin_emails: Vec::new(),
        }
    }

    #[test]
    fn a_copy_keeps_the_items_it_had_whoever_asks_first() {
        let tree = Tree::default();
        let server = Holder::Group(SERVER);
        let mut copy = tree.clone();

        copy.set_created(server, Created::default().with(NumberKind::Phone, 3));

        assert_eq!(copy.items(server).numbers, 3);
        assert_eq!(tree.items(server).numbers, 0);
        assert_eq!(tree.items(Holder::Group(GroupId(99))).numbers, 0);
    }

    #[test]
    fn a_sum_is_the_same_whether_gates_below_were_asked_before_or_not() {
        let mut tree = Tree::default();
        let [top, gate, below, other] = [10, 11, 12, 13].map(GroupId);
        for (id, parent, restricted) in
            [(top, SERVER, true), (gate, top, true), (below, gate, false), (other, top, true)]
        {
            tree.upsert_group(group(id, parent, restricted));
        }
        let user = |id, groups: &[GroupId]| User {
            id: UserId(id),
            name: id.to_string(),
            email: None,
            groups: groups.to_vec(),
        };
        let five = Created::default().with(NumberKind::Phone, 5);
        tree.upsert_user(user(1, &[below]));
        tree.set_created(Holder::User(UserId(1)), five);
        tree.set_created(Holder::Group(other), five);
        let asked = |tree: &Tree| tree.items(Holder::Group(top)).numbers_below;

        let (mut first, mut later) = (tree.clone(), tree);
        later.items(Holder::Group(gate));
        assert_eq!((asked(&first), asked(&later)), (10, 10));

        // Somebody who stands under two of them counts once.
        for tree in [&mut first, &mut later] {
            tree.items(Holder::Group(gate));
            tree.upsert_user(user(2, &[below, other]));
            tree.set_created(Holder::User(UserId(2)), five);
            tree.items(Holder::Group(other));
            assert_eq!(asked(tree), 15);
        }
        let mut copy = later.clone();
        copy.upsert_user(user(2, &[below]));
        assert_eq!((asked(&copy), copy.items(Holder::Group(other)).numbers_below), (15, 5));
    }

    #[test]
    fn what_is_kept_follows_the_numbers() {
        let mut tree = Tree::default();
        let server = Holder::Group(SERVER);
        assert_eq!(tree.items(server).numbers, 0);

        tree.add_created(server, NumberKind::Phone, 2);
        tree.add_created(server, NumberKind::Panel, 1);
        tree.add_created(server, NumberKind::Phone, -1);

        assert_eq!((tree.items(server).numbers, tree.items(server).numbers_below), (2, 2));
    }
}
