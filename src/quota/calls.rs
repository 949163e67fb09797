//! Seats of numbers that call without being registered: held by (number, Call-ID), sharing the
//! number's one SIP seat with its devices.

use std::sync::Arc;

use super::device::Call;
use super::entry::Entry;
use super::measure::{Ask, Units};
use super::path::Refusal;
use super::seats::{Reserving, Seats, UNSETTLED_MAX};
use super::snapshot::Owned;
use super::ticket::Ticket;
use crate::clock::Now;
use crate::license::{Cause, FeatureSet};

/// Dialogs that one call may make by forking, as far as they are remembered.
const LEGS_MAX: usize = 16;

/// What becomes of an INVITE.
#[derive(Debug)]
#[must_use]
pub enum CallDecision {
    /// A registered device of the number, or this very call, holds the seat already.
    Rides,
    /// A reservation, to be settled by the answer.
    Take(Ticket),
    Refuse(Refusal),
}

impl Seats {
    /// Decides an INVITE of a number.
    pub fn reserve_call(
        self: &Arc<Self>,
        aor: &str,
        owned: &Owned,
        call_id: &[u8],
        needs: FeatureSet,
        now: Now,
    ) -> CallDecision {
        let decision = self.try_reserve_call(aor, owned, call_id, needs, now);
        match &decision {
            CallDecision::Refuse(refusal)
                if refusal.cause == Cause::SipLimit && self.end_overdue(now) =>
            {
                self.try_reserve_call(aor, owned, call_id, needs, now)
            }
            _ => decision,
        }
    }

    fn try_reserve_call(
        self: &Arc<Self>,
        aor: &str,
        owned: &Owned,
        call_id: &[u8],
        needs: FeatureSet,
        now: Now,
    ) -> CallDecision {
        let hash = self.hash(aor);
        let mut shard = self.shard(hash).lock();
        let found = shard.find(aor, hash);
        let entry = found.and_then(|slot| shard.get(slot));
        let rides = entry.is_some_and(|entry| {
            entry.is_live(now) || entry.calls().iter().any(|call| *call.call_id == *call_id)
        });
        let over = Refusal::without_gate(Cause::OverCapacity);
        let sip = u32::from(entry.is_none_or(|entry| entry.held.units().sip == 0));
        let units = Units { sip, apps: 0 };
        // A call that rides takes nothing, but validity and features are asked all the same.
        let asked = if rides { Units::NONE } else { units };
        let ask = Ask { units: asked, claimed: !owned.created, needs };
        if let Some(refusal) = owned.path.cause(now.moment(), ask) {
            return CallDecision::Refuse(refusal);
        }
        if rides {
            return CallDecision::Rides;
        }
        if entry.is_some_and(|entry| {
            entry.calls().len() >= self.limits.max_calls
                || entry.unsettled() >= UNSETTLED_MAX + self.limits.max_calls
        }) {
            return CallDecision::Refuse(over);
        }
        let reserving = Reserving { units, devices: Vec::new(), needs };
        match self.hold(&mut shard, found, (aor, hash), owned, reserving, now) {
            Ok(ticket) => CallDecision::Take(ticket),
            Err(refusal) => CallDecision::Refuse(refusal),
        }
    }

    /// Settles an INVITE that was answered 2xx: the call holds its seat until it ends, or until then.
    /// Without a reservation it takes the seat there and then; the refusal says that there was none.
    pub fn commit_call(
        &self,
        aor: &str,
        owned: &Owned,
        ticket: Option<Ticket>,
        call: Call,
        now: Now,
    ) -> Result<(), Refusal> {
        let ticket = ticket.filter(|ticket| ticket.aor() == aor).map(Ticket::redeem);
        let hash = self.hash(aor);
        let mut shard = self.shard(hash).lock();
        let found = shard.find(aor, hash);
        let slot = found.unwrap_or_else(|| shard.insert(Entry::new(aor, owned), hash));
        let Some(entry) = shard.get_mut(slot) else { return Ok(()) };
        let fresh = self.owned(aor);
        let taken = match &fresh {
            Some(fresh) => {
                self.follow(entry, fresh);
                entry.take_call(ticket, call, self.limits.max_calls, now)
            }
            None => Err(Refusal::without_gate(Cause::UnknownNumber)),
        };
        shard.finish(slot, self.limits.late_margin_ms, now);
        taken
    }

    /// A session refresh was accepted: the call's seat lasts until then, but not beyond `longest_ms`
    /// from its start.
    pub fn extend_call(
        &self,
        aor: &str,
        call_id: &[u8],
        until_mono_ms: u64,
        longest_ms: u64,
        now: Now,
    ) {
        let extend = |entry: &mut Entry| {
            let calls = entry.rare().map(|rare| &mut *rare.calls).unwrap_or_default();
            if let Some(call) = calls.iter_mut().find(|call| *call.call_id == *call_id) {
                let last = now.mono_at(call.since_ms.saturating_add_unsigned(longest_ms));
                call.until_mono_ms = until_mono_ms.min(last);
                entry.changed = true;
            }
        };
        self.alter(aor, now, extend);
    }

    /// Whether this call holds a seat of the number.
    pub fn has_call(&self, aor: &str, call_id: &[u8]) -> bool {
        let has = |entry: &Entry| entry.calls().iter().any(|call| *call.call_id == *call_id);
        self.look(aor, has).unwrap_or(false)
    }

    /// One dialog of the call is over, named by the tags of its BYE; with the last of them the seat
    /// is given back. A tag that is none of the call's changes nothing. Returns whether it did.
    pub fn end_call(&self, aor: &str, call_id: &[u8], tags: [u64; 2], now: Now) -> bool {
        let end = |entry: &mut Entry| {
            let Some(rare) = entry.rare() else { return false };
            let before = rare.calls.len();
            rare.calls.retain_mut(|call| {
                if *call.call_id != *call_id {
                    return true;
                }
                let known = !call.legs.is_empty();
                let legs = call.legs.len();
                call.legs.retain(|leg| !tags.contains(leg));
                known && (call.legs.len() == legs || !call.legs.is_empty())
            });
            let ended = rare.calls.len() != before;
            entry.changed |= ended;
            ended
        };
        self.alter(aor, now, end).unwrap_or(false)
    }
}

impl Entry {
    fn take_call(
        &mut self,
        ticket: Option<u32>,
        call: Call,
        max_calls: usize,
        now: Now,
    ) -> Result<(), Refusal> {
        ticket.and_then(|ticket| self.take_unsettled(ticket));
        let calls = self.rare().map(|rare| &mut *rare.calls).unwrap_or_default();
        if let Some(known) = calls.iter_mut().find(|known| known.call_id == call.call_id) {
            known.until_mono_ms = call.until_mono_ms;
            let fresh = call.legs.iter().filter(|leg| !known.legs.contains(leg)).copied();
            let fresh: Vec<u64> = fresh.take(LEGS_MAX.saturating_sub(known.legs.len())).collect();
            known.legs.extend(fresh);
            return Ok(());
        }
        if calls.len() >= max_calls {
            return Err(Refusal::without_gate(Cause::OverCapacity));
        }
        let units = Units { sip: 1, apps: 0 }.beyond(self.held.units());
        let ask = Ask { units, claimed: !self.created(), needs: FeatureSet::NONE };
        self.held.take(now.moment(), ask)?;
        if units.sip > 0 {
            self.seated(now.wall_ms);
        }
        self.rare_mut().calls.push(call);
        self.changed = true;
        Ok(())
    }
}
