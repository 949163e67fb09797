//! How a REGISTER changes the bindings of its number (RFC 3261 10.3, RFC 5626 6): a pure function
//! from the old bindings to the new ones, or to the failure that leaves the old ones alone.

use std::cmp::Ordering;

use super::binding::{Asked, Binding, Failure, Limits, Registering, end_at};
use super::texts::Texts;

/// What a request is to a binding that it names.
enum Order {
    /// It came after what is kept.
    Newer,
    /// It is what is kept, and changes nothing.
    Copy,
}

/// The bindings after the request.
pub(super) fn apply(
    old: &[Binding],
    request: &Registering<'_>,
    limits: &Limits,
) -> Result<Vec<Binding>, Failure> {
    let mut bindings: Vec<Binding> =
        old.iter().filter(|one| one.is_remembered(request.now)).cloned().collect();
    if request.star {
        remove_all(&mut bindings, request)?;
        return Ok(bindings);
    }
    for asked in request.contacts {
        match granted(asked, request, limits)? {
            0 => remove(&mut bindings, asked, request)?,
            secs => bind(&mut bindings, asked, secs, request)?,
        }
    }
    let live = bindings.iter().filter(|one| !one.is_gone()).count();
    if live > limits.bindings_per_number {
        return Err(Failure::new(403, "Too Many Contacts"));
    }
    forget_the_oldest(&mut bindings, limits);
    Ok(bindings)
}

/// The time that one Contact gets; 0 removes it (RFC 3261 10.3 step 7).
fn granted(asked: &Asked<'_>, request: &Registering<'_>, limits: &Limits) -> Result<u32, Failure> {
    let wanted = asked.expires_secs.or(request.expires_secs).unwrap_or(limits.default_expires_secs);
    if wanted > 0 && wanted < limits.min_expires_secs {
        let header = Some(("Min-Expires", limits.min_expires_secs.to_string()));
        return Err(Failure { status: 423, phrase: "Interval Too Brief", header });
    }
    Ok(wanted.min(limits.max_expires_secs))
}

/// `Contact: *` (RFC 3261 10.3 step 6).
fn remove_all(bindings: &mut [Binding], request: &Registering<'_>) -> Result<(), Failure> {
    if !request.contacts.is_empty() || request.expires_secs != Some(0) {
        return Err(Failure::new(400, "Bad Contact Wildcard"));
    }
    for binding in bindings {
        if let Order::Newer = order(binding, request)? {
            end(binding, request);
        }
    }
    Ok(())
}

fn remove(
    bindings: &mut [Binding],
    asked: &Asked<'_>,
    request: &Registering<'_>,
) -> Result<(), Failure> {
    for binding in bindings.iter_mut().filter(|one| names(asked, one)) {
        if let Order::Newer = order(binding, request)? {
            end(binding, request);
        }
    }
    Ok(())
}

fn bind(
    bindings: &mut Vec<Binding>,
    asked: &Asked<'_>,
    secs: u32,
    request: &Registering<'_>,
) -> Result<(), Failure> {
    let mut place = None;
    for (index, binding) in bindings.iter_mut().enumerate() {
        if !names(asked, binding) && !moved(asked, binding, request) {
            continue;
        }
        match order(binding, request)? {
            Order::Copy => return Ok(()),
            // A second binding of the same device gives way to the first.
            Order::Newer if place.is_some() => end(binding, request),
            Order::Newer => place = Some(index),
        }
    }
    let binding = renewed(asked, secs, request);
    match place.and_then(|index| bindings.get_mut(index)) {
        Some(kept) => replace(kept, binding),
        None => bindings.push(binding),
    }
    Ok(())
}

/// Whether a Contact names a binding: the same flow where both are flows, else an equal URI, unless
/// each has an instance of its own (two homes with one private address are two devices).
fn names(asked: &Asked<'_>, binding: &Binding) -> bool {
    if let (Some(mine), Some(theirs)) = (binding.flow(), asked.flow()) {
        return mine == theirs;
    }
    let apart = match (&asked.instance, binding.texts.instance()) {
        (Some(asked), Some(kept)) => *asked != kept,
        _ => false,
    };
    !apart && binding.uri_is(asked.contact)
}

/// Whether this is the binding of the same device from where it was before. Without reg-id a device
/// has one binding; an old address would be called in vain until it expires.
fn moved(asked: &Asked<'_>, binding: &Binding, request: &Registering<'_>) -> bool {
    let this_request = binding.call_id == request.call_id && binding.cseq == request.cseq;
    !this_request
        && asked.reg_id.is_none()
        && binding.reg_id.is_none()
        && asked.instance.is_some()
        && asked.instance.as_deref() == binding.texts.instance()
}

/// CSeq orders requests of one Call-ID (RFC 3261 10.3), as long as an older one can still be on its
/// way; after that a lower number is a device that restarted and counts from 1.
fn order(binding: &Binding, request: &Registering<'_>) -> Result<Order, Failure> {
    if binding.call_id != request.call_id || !binding.is_fresh(request.now) {
        return Ok(Order::Newer);
    }
    match request.cseq.cmp(&binding.cseq) {
        Ordering::Greater => Ok(Order::Newer),
        Ordering::Equal => Ok(Order::Copy),
        Ordering::Less => Err(Failure::new(500, "CSeq Out Of Order")),
    }
}

fn renewed(asked: &Asked<'_>, secs: u32, request: &Registering<'_>) -> Binding {
    let now_ms = request.now.mono_ms;
    Binding {
        texts: Texts::new(asked.contact, request.path, asked.instance.as_deref()),
        call_id: request.call_id,
        reg_id: asked.reg_id,
        cseq: request.cseq,
        granted_secs: secs,
        q: asked.q,
        until_ms: end_at(now_ms.saturating_add(u64::from(secs) * 1000)),
        updated_ms: now_ms,
        saved_until_secs: None,
    }
}

/// Puts a renewal in the place of what it renews. Where nothing changed but time and order, what
/// the store has stays true.
fn replace(kept: &mut Binding, new: Binding) {
    fn texts(one: &Texts) -> (&str, Option<&str>, Option<&str>) {
        (one.contact(), one.path(), one.instance())
    }
    let rest = |one: &Binding| (one.reg_id, one.q, one.granted_secs);
    let same = texts(&kept.texts) == texts(&new.texts) && rest(kept) == rest(&new);
    let saved_until_secs = kept.saved_until_secs.filter(|_| same && !kept.is_gone());
    *kept = Binding { saved_until_secs, ..new };
}

/// Removes a binding and remembers by which request, or a late copy of an older one would bring it
/// back.
fn end(binding: &mut Binding, request: &Registering<'_>) {
    binding.until_ms = None;
    binding.updated_ms = request.now.mono_ms;
    binding.call_id = request.call_id;
    binding.cseq = request.cseq;
}

/// What is remembered of removed bindings is bounded like the bindings.
fn forget_the_oldest(bindings: &mut Vec<Binding>, limits: &Limits) {
    while bindings.len() > limits.bindings_per_number.saturating_mul(2) {
        let oldest = bindings
            .iter()
            .enumerate()
            .filter(|(_, one)| one.is_gone())
            .min_by_key(|(_, one)| one.updated_ms)
            .map(|(index, _)| index);
        match oldest {
            Some(index) => bindings.remove(index),
            None => return,
        };
    }
}

#[cfg(test)]
mod tests;
