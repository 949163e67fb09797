//! The answer of a check as whoever asked may read it: their names for what they see, a place for what
//! they don't, and of that no figure but what they may still ask for.

use super::verdict::Told;
use super::{Change, Obstacle, Refused, Warning};
use crate::license::{Holder, Tree, Viewer, World};

/// Who is told, and the records on both sides of the change.
pub struct Listener<'a> {
    viewer: &'a Viewer,
    before: &'a Tree,
    after: Tree,
    /// Whom the change is about.
    subjects: Vec<Holder>,
}

impl<'a> Listener<'a> {
    /// Whoever asked for `change`.
    pub fn new(viewer: &'a Viewer, before: &'a World, change: &Change) -> Self {
        let mut after = before.clone();
        let mut subjects = Vec::new();
        for step in change.steps() {
            subjects.extend(step.touches(&after).into_iter().filter(|one| is_user(*one)));
            after.apply_sound(step);
        }
        subjects.sort_unstable();
        subjects.dedup();
        Self { viewer, before: &before.tree, after: after.tree, subjects }
    }

    /// A refusal as they may read it.
    pub fn refused(&self, refused: Refused) -> Refused {
        let obstacles = refused.obstacles.into_iter().map(|one| self.obstacle(one)).collect();
        match refused.told {
            Told::Plainly => Refused { obstacles, ..refused },
            Told::BySums => Refused::by(obstacles),
            Told::Of(holder, said) => {
                let error = format!("{} {said}", self.name(holder));
                Refused { error, obstacles, told: Told::Of(holder, said) }
            }
        }
    }

    /// A warning as they may read it.
    pub fn warning(&self, warning: Warning) -> Warning {
        let holder = warning.holder;
        let by = warning.by.filter(|_| self.sees(holder));
        let told = Warning { gate: self.name(holder), by, ..warning };
        Warning { text: told.tell(self.side(holder).zone_of_holder(holder)), ..told }
    }

    fn obstacle(&self, obstacle: Obstacle) -> Obstacle {
        let gate = self.name(obstacle.holder);
        if self.sees(obstacle.holder) {
            return Obstacle { gate, ..obstacle };
        }
        // By how much it is over is not theirs to know either.
        let left = obstacle.left.max(0);
        Obstacle { gate, granted: None, left, ..obstacle }
    }

    fn sees(&self, holder: Holder) -> bool {
        self.viewer.sees(self.side(holder), holder)
    }

    fn name(&self, holder: Holder) -> String {
        let tree = self.side(holder);
        let under = |user: &Holder| match holder {
            Holder::Group(group) => tree.ancestry(*user).contains(&group),
            Holder::User(_) => false,
        };
        let subject = self.subjects.iter().copied().find(under);
        self.viewer.name_of(tree, holder, subject)
    }

    /// The records that have the holder: what the change removes is in the old ones only.
    fn side(&self, holder: Holder) -> &Tree {
        if self.after.contains(holder) { &self.after } else { self.before }
    }
}

fn is_user(holder: Holder) -> bool {
    matches!(holder, Holder::User(_))
}
