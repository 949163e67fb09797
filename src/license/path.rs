//! Which gates a number stands under, and which of them bind claimed numbers by their promise.
//! Walks upwards only, never through the whole tree.

use super::{GroupId, HandOut, Holder, SERVER, Tree};

impl Tree {
    /// The groups a holder stands in: itself, or a user's groups.
    pub fn places(&self, holder: Holder) -> &[GroupId] {
        match holder {
            Holder::Group(id) => {
                self.groups.get(&id).map(|node| std::slice::from_ref(&node.group.id))
            }
            Holder::User(id) => self.users.get(&id).map(|node| node.user.groups.as_slice()),
        }
        .unwrap_or_default()
    }

    /// Every group the holder stands under, itself included, deepest first, then by id.
    pub fn ancestry(&self, holder: Holder) -> Vec<GroupId> {
        if let [place] = self.places(holder) {
            // One way up is in order already.
            return self.lineage(*place).map(|group| group.id).collect();
        }
        let mut found: Vec<(usize, GroupId)> = Vec::new();
        for place in self.places(holder) {
            let line: Vec<GroupId> = self.lineage(*place).map(|group| group.id).collect();
            let depth = line.len();
            found.extend(line.iter().enumerate().map(|(up, id)| (depth - up, *id)));
        }
        found.sort_unstable_by_key(|(depth, id)| (std::cmp::Reverse(*depth), *id));
        found.dedup();
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// All gates of the numbers that `owner` owns, deepest first, then by id; a user before groups.
    pub fn path(&self, owner: Holder) -> Vec<Holder> {
        let own = matches!(owner, Holder::User(_)).then_some(owner);
        if let [place] = self.places(owner) {
            let own = own.filter(|owner| self.is_gate(*owner));
            let gates = self.lineage(*place).filter(|group| group.restricted);
            return own.into_iter().chain(gates.map(|group| Holder::Group(group.id))).collect();
        }
        let groups = self.ancestry(owner).into_iter().map(Holder::Group);
        own.into_iter().chain(groups).filter(|holder| self.is_gate(*holder)).collect()
    }

    /// The gates that bind claimed numbers of `group` by what they promised others: the nearest gate
    /// where it splits, and every gate on the way up that shares.
    pub fn promises(&self, group: GroupId) -> Vec<Holder> {
        let path = self.path(Holder::Group(group));
        let nearest = path.first().copied();
        path.into_iter()
            .filter(|gate| Some(*gate) == nearest || self.hand_out(*gate) == HandOut::Shared)
            .collect()
    }

    /// The first gate at or above a group.
    pub fn gate_at_or_above(&self, group: GroupId) -> Option<GroupId> {
        self.lineage(group).find(|group| group.restricted).map(|group| group.id)
    }

    /// The gates of which a holder, as a gate, is an item: the nearest ones above it. A user may have
    /// several; one that stands over another of them is none.
    pub fn gates_above(&self, holder: Holder) -> Vec<GroupId> {
        let mut gates: Vec<GroupId> = match holder {
            Holder::Group(SERVER) => Vec::new(),
            Holder::Group(id) => {
                let parent = self.group(id).and_then(|group| group.parent);
                parent.and_then(|parent| self.gate_at_or_above(parent)).into_iter().collect()
            }
            Holder::User(_) => {
                let places = self.places(holder).iter();
                places.filter_map(|place| self.gate_at_or_above(*place)).collect()
            }
        };
        gates.sort_unstable();
        gates.dedup();
        let all = gates.clone();
        gates.retain(|gate| {
            !all.iter().any(|other| other != gate && self.stands_under(*other, *gate))
        });
        gates
    }

    /// The gates whose sum counts the numbers that `owner` owns: itself where it is one, else the
    /// nearest above.
    pub fn gates_of_numbers(&self, owner: Holder) -> Vec<Holder> {
        if self.is_gate(owner) {
            return vec![owner];
        }
        self.gates_above(owner).into_iter().map(Holder::Group).collect()
    }
}
