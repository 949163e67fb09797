//! What goes on beside the load, in its thread: it has one core, and a second thread would take turns
//! with it.

use std::time::Instant;

use super::cost::{self, Used};

/// Somebody who has a moment after each look at the sockets, and must never wait in it.
pub trait Beside {
    /// Has it.
    fn step(&mut self, now: Instant);
}

/// Nothing goes on.
pub struct Nobody;

impl Beside for Nobody {
    fn step(&mut self, _: Instant) {}
}

/// Notes once what a server has used by then.
pub struct Reading {
    pub pid: u32,
    pub at: Instant,
    pub used: Option<Used>,
}

impl Beside for Reading {
    fn step(&mut self, now: Instant) {
        if self.used.is_none() && now >= self.at {
            self.used = Some(cost::used(self.pid));
        }
    }
}
