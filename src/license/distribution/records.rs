//! Whether the records of a write can be, whatever the sums: names, places, dates, emptiness.

use std::collections::BTreeSet;

use super::{Change, Obstacle, Refused, Warning};
use crate::license::{
    Claim, Group, GroupId, Holder, License, LicenseId, Moment, Number, NumberId, Resource, SERVER,
    Usage, User, UserId, World, wording,
};

type Verdict = Result<(), Refused>;

/// Judges one step by the records before it. What a forced deletion takes along is told.
pub(super) fn check(
    world: &World,
    step: &Change,
    at: Moment,
    force: bool,
    usage: &dyn Usage,
) -> Result<Vec<Warning>, Refused> {
    match step {
        Change::AddGroup { group, licenses } => check_new_group(world, group, licenses)?,
        Change::EditGroup { group, licenses } => check_edited_group(world, group, licenses)?,
        Change::MoveGroup { group, parent } => check_move(world, *group, *parent)?,
        Change::RemoveGroup { group } => {
            return check_group_removal(world, *group, at, force, usage);
        }
        Change::AddUser { user, licenses } => check_new_user(world, user, licenses)?,
        Change::EditUser { user } => check_edited_user(world, user)?,
        Change::RemoveUser { user } => return check_user_removal(world, *user, at, force, usage),
        Change::AddLicense(license) => check_new_license(world, license, license.holder)?,
        Change::EditLicense(license) => check_edited_license(world, license)?,
        Change::SuspendLicense(id) | Change::ResumeLicense(id) | Change::RemoveLicense(id) => {
            license(world, *id).map(|_| ())?;
        }
        Change::AddNumbers(numbers) => check_new_numbers(world, numbers)?,
        Change::EditNumber(number) => check_edited_number(world, number)?,
        Change::RemoveNumbers(ids) => {
            ids.iter().try_for_each(|id| number(world, *id))?;
        }
        Change::AddClaim(claim) => check_new_claim(world, claim)?,
        Change::RemoveClaim(id) => {
            let known = world.directory.claim(*id).is_some();
            demand(known, || format!("there is no claim {id}"))?;
        }
        Change::All(_) => {}
    }
    Ok(Vec::new())
}

fn demand(holds: bool, otherwise: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(Refused::because(otherwise())) }
}

/// A text is as it should be, or the fault is told with the text, escaped.
fn demand_text(what: &str, text: &str, fault: Option<&str>) -> Verdict {
    let because = |fault| Err(Refused::because(format!("{text:?} is no {what}: {fault}")));
    fault.map_or(Ok(()), because)
}

fn check_group_texts(new: &Group) -> Verdict {
    demand_text("kind", &new.kind, wording::label_fault(&new.kind))?;
    let mut emails = new.admin_emails.iter();
    emails.try_for_each(|email| demand_text("mail address", email, wording::email_fault(email)))
}

fn group(world: &World, id: GroupId) -> Result<&Group, Refused> {
    world.tree.group(id).ok_or_else(|| Refused::because(format!("there is no group {id}")))
}

fn user(world: &World, id: UserId) -> Result<&User, Refused> {
    world.tree.user(id).ok_or_else(|| Refused::because(format!("there is no user {id}")))
}

fn license(world: &World, id: LicenseId) -> Result<&License, Refused> {
    world.tree.license(id).ok_or_else(|| Refused::because(format!("there is no license {id}")))
}

fn number(world: &World, id: NumberId) -> Verdict {
    demand(world.directory.number(id).is_some(), || format!("there is no number {id}"))
}

fn check_holder(world: &World, holder: Holder) -> Verdict {
    match holder {
        Holder::Group(id) => group(world, id).map(|_| ()),
        Holder::User(id) => user(world, id).map(|_| ()),
    }
}

fn check_new_group(world: &World, new: &Group, licenses: &[License]) -> Verdict {
    demand(world.tree.group(new.id).is_none(), || format!("there is a group {} already", new.id))?;
    let parent = new.parent.ok_or_else(|| Refused::because("a new group needs a parent"))?;
    group(world, parent)?;
    check_name(world, new, parent)?;
    check_group_texts(new)?;
    let above = world.tree.path_name(parent);
    let path = format!("{}/{}", above.trim_end_matches('/'), new.name);
    let gate = path.trim_start_matches('/');
    check_new_licenses(world, licenses, Holder::Group(new.id), gate)
}

fn check_edited_group(world: &World, new: &Group, licenses: &[License]) -> Verdict {
    let old = group(world, new.id)?;
    demand(old.parent == new.parent, || "a group gets another parent by a move only".into())?;
    if let Some(parent) = new.parent {
        check_name(world, new, parent)?;
    }
    check_group_texts(new)?;
    let holder = Holder::Group(new.id);
    check_new_licenses(world, licenses, holder, &world.tree.name_of(holder))
}

fn check_name(world: &World, new: &Group, parent: GroupId) -> Verdict {
    let name = new.name.as_str();
    let slash = name.contains('/').then_some("it has a \"/\"");
    demand_text("name for a group", name, wording::name_fault(name).or(slash))?;
    let mut siblings = world.tree.children(parent).filter(|id| *id != new.id);
    let taken = siblings.any(|id| world.tree.group(id).is_some_and(|group| group.name == name));
    let twin = || format!("has a group {name:?} already");
    if taken { Err(Refused::about(&world.tree, Holder::Group(parent), twin())) } else { Ok(()) }
}

fn check_move(world: &World, id: GroupId, parent: GroupId) -> Verdict {
    let moved = group(world, id)?;
    group(world, parent)?;
    demand(id != SERVER, || "the server cannot be moved".into())?;
    if world.tree.stands_under(parent, id) {
        let said = format!("is {:?} or stands under it", moved.name);
        return Err(Refused::about(&world.tree, Holder::Group(parent), said));
    }
    check_name(world, moved, parent)
}

fn check_group_removal(
    world: &World,
    id: GroupId,
    at: Moment,
    force: bool,
    usage: &dyn Usage,
) -> Result<Vec<Warning>, Refused> {
    group(world, id)?;
    demand(id != SERVER, || "the server cannot be removed".into())?;
    let removal = world.removal(id);
    let counted = [
        ("subgroups", removal.groups.len().saturating_sub(1)),
        ("users", removal.users.len()),
        ("memberships of users who are elsewhere too", removal.kept_users.len()),
        ("numbers", removal.numbers.len()),
        ("claims", removal.claims.len()),
        ("seats", seats(usage, Holder::Group(id))),
    ];
    check_emptiness(world, Holder::Group(id), &counted, at, force)
}

fn check_user_removal(
    world: &World,
    id: UserId,
    at: Moment,
    force: bool,
    usage: &dyn Usage,
) -> Result<Vec<Warning>, Refused> {
    user(world, id)?;
    let counted = [
        ("numbers", world.directory.numbers_of(Holder::User(id)).count()),
        ("seats", seats(usage, Holder::User(id))),
    ];
    check_emptiness(world, Holder::User(id), &counted, at, force)
}

fn seats(usage: &dyn Usage, holder: Holder) -> usize {
    let seats = usage.sip_seats(holder).max(usage.app_seats(holder));
    usize::try_from(seats).unwrap_or(usize::MAX)
}

/// What is deleted must be empty, or force says what goes along.
fn check_emptiness(
    world: &World,
    holder: Holder,
    counted: &[(&str, usize)],
    at: Moment,
    force: bool,
) -> Result<Vec<Warning>, Refused> {
    let held: Vec<_> = counted.iter().filter(|(_, count)| *count > 0).collect();
    if !held.is_empty() && !force {
        let held: Vec<_> = held.iter().map(|(what, count)| format!("{count} {what}")).collect();
        let said = format!("is not empty: {}", held.join(", "));
        return Err(Refused::about(&world.tree, holder, said));
    }
    let tell = |(what, count): &&(&str, usize)| {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        Warning::removes(&world.tree, holder, what, count, at)
    };
    Ok(held.iter().map(tell).collect())
}

fn check_new_user(world: &World, new: &User, licenses: &[License]) -> Verdict {
    demand(world.tree.user(new.id).is_none(), || format!("there is a user {} already", new.id))?;
    check_user_record(world, new)?;
    let gate = format!("user:{}", new.name);
    check_new_licenses(world, licenses, Holder::User(new.id), &gate)
}

fn check_edited_user(world: &World, new: &User) -> Verdict {
    user(world, new.id)?;
    check_user_record(world, new)
}

fn check_user_record(world: &World, new: &User) -> Verdict {
    let name = new.name.as_str();
    demand_text("name for a user", name, wording::name_fault(name))?;
    if let Some(email) = &new.email {
        demand_text("mail address", email, wording::email_fault(email))?;
    }
    let taken = world.tree.user_named(name).is_some_and(|user| user.id != new.id);
    demand(!taken, || format!("there is a user {name:?} already"))?;
    demand(!new.groups.is_empty(), || format!("{name:?} needs a group: the last one stays"))?;
    let once: BTreeSet<_> = new.groups.iter().collect();
    demand(once.len() == new.groups.len(), || format!("{name:?} is in a group twice"))?;
    new.groups.iter().try_for_each(|id| group(world, *id).map(|_| ()))
}

fn check_new_licenses(world: &World, licenses: &[License], holder: Holder, gate: &str) -> Verdict {
    licenses.iter().try_for_each(|new| {
        demand(new.holder == holder, || "a license written with a holder is its own".into())?;
        demand(world.tree.license(new.id).is_none(), || {
            format!("there is a license {} already", new.id)
        })?;
        check_license_record(new, gate)
    })
}

fn check_new_license(world: &World, new: &License, holder: Holder) -> Verdict {
    check_holder(world, holder)?;
    check_new_licenses(world, std::slice::from_ref(new), holder, &world.tree.name_of(holder))
}

fn check_edited_license(world: &World, new: &License) -> Verdict {
    let old = license(world, new.id)?;
    demand(old.holder == new.holder, || "a license keeps its holder".into())?;
    check_license_record(new, &world.tree.name_of(new.holder))
}

fn check_license_record(new: &License, gate: &str) -> Verdict {
    let (from, until) = (new.validity.from, new.validity.until);
    let ordered = from.zip(until).is_none_or(|(from, until)| from < until);
    demand(ordered, || "a license ends after it starts".into())?;
    let early = [from, until].into_iter().flatten().any(|instant| instant < Moment(0));
    demand(!early, || "a license has no time before 1970".into())?;
    let label = &new.license_type;
    demand_text("license type", label, wording::label_fault(label))?;
    if new.mobile_apps <= new.sip_numbers {
        return Ok(());
    }
    let error = format!(
        "{} mobile apps need as many SIP numbers, the license has {}",
        new.mobile_apps, new.sip_numbers
    );
    let obstacle = Obstacle {
        gate: gate.into(),
        holder: new.holder,
        resource: Resource::MobileApps.name().into(),
        granted: Some(new.sip_numbers.into()),
        left: new.sip_numbers.into(),
        asked: new.mobile_apps.into(),
        last_date_that_fits: None,
    };
    Err(Refused { obstacles: vec![obstacle], ..Refused::because(error) })
}

fn check_new_numbers(world: &World, numbers: &[Number]) -> Verdict {
    let mut aors = BTreeSet::new();
    let mut ids = BTreeSet::new();
    numbers.iter().try_for_each(|new| {
        let id_is_free = world.directory.number(new.id).is_none() && ids.insert(new.id);
        demand(id_is_free, || format!("there is a number {} already", new.id))?;
        demand(aors.insert(new.aor.as_str()), || format!("{} comes twice", new.aor))?;
        check_number_record(world, new)
    })
}

fn check_edited_number(world: &World, new: &Number) -> Verdict {
    number(world, new.id)?;
    check_number_record(world, new)
}

fn check_number_record(world: &World, new: &Number) -> Verdict {
    demand_text("number", &new.aor, wording::number_fault(&new.aor))?;
    let fault = new.password.as_deref().and_then(wording::password_fault);
    demand(fault.is_none(), || format!("not a password: {}", fault.unwrap_or_default()))?;
    check_holder(world, new.owner)?;
    let taken = world.directory.entry(&new.aor).is_some_and(|entry| entry.id != new.id);
    demand(!taken, || format!("{} is taken", new.aor))
}

fn check_new_claim(world: &World, new: &Claim) -> Verdict {
    demand(world.directory.claim(new.id).is_none(), || {
        format!("there is a claim {} already", new.id)
    })?;
    group(world, new.group)?;
    if let Some(fault) = new.rule.fault() {
        return Err(Refused::because(fault));
    }
    let clash = world.directory.neighbours(&new.rule, new.id).clash;
    demand(clash.is_none(), || format!("{} is taken", new.rule))
}
