//! Writes, and what the record of changes says of them to whom.

use serde_json::{Value, json};

use super::super::base::{Base, on_both};
use super::super::{Author, Error, Store, Terms};
use super::*;
use crate::license::distribution::Change;
use crate::license::{
    Assignment, Claim, ClaimId, ClaimRule, Denial, FeatureSet, Group, GroupId, Holder, License,
    LicenseId, Moment, Number, NumberId, NumberKind, Role, SERVER, User, UserId, Validity, Viewer,
};

fn now() -> Terms<'static> {
    Terms::at(Moment(1_700_000_000))
}

fn group(name: &str, parent: GroupId) -> Group {
    Group {
        id: GroupId(0),
        parent: Some(parent),
        name: name.into(),
        kind: "building".into(),
        restricted: false,
        hand_out: Default::default(),
        time_zone: None,
        monitor: false,
        admin_emails: Vec::new(),
    }
}

fn license(holder: Holder) -> License {
    License {
        id: LicenseId(0),
        holder,
        license_type: "Plus".into(),
        sip_numbers: 50,
        mobile_apps: 0,
        features: FeatureSet::NONE,
        validity: Validity::default(),
        suspended: false,
    }
}

fn number(aor: &str, owner: Holder, password: Option<&str>) -> Number {
    let password = password.map(str::to_owned);
    Number { id: NumberId(0), aor: aor.into(), owner, kind: NumberKind::Phone, password }
}

fn user(name: &str, groups: Vec<GroupId>) -> User {
    User { id: UserId(0), name: name.into(), email: None, groups }
}

fn all() -> AuditQuery {
    AuditQuery { limit: 1000, ..AuditQuery::default() }
}

fn viewer(role: Role, group: GroupId) -> Viewer {
    Viewer { assignments: vec![Assignment { role, group }], ..Viewer::default() }
}

/// What the server's administrator reads, oldest first, in a word each.
async fn told(store: &Store) -> Vec<String> {
    let mut rows = store.audit(&all(), &Viewer::server()).await.unwrap();
    rows.reverse();
    rows.iter().map(|row| format!("{} {} {}", row.action, row.entity, row.name)).collect()
}

on_both!(
    every_write_is_told_with_what_was_before_and_after,
    a_write_that_changes_nothing_or_is_refused_leaves_no_entry,
    a_forced_deletion_tells_all_that_goes,
    a_password_is_never_told,
    an_administrator_reads_of_the_own_group_and_nothing_above_or_beside,
    who_administers_nothing_or_asks_beside_reads_nothing,
    nothing_of_the_record_can_be_changed_or_removed,
    pages_follow_each_other_without_a_gap,
);

async fn every_write_is_told_with_what_was_before_and_after(base: Base) {
    let store = base.store().await;
    let a = store.add_group(group("A", SERVER), now()).await.unwrap().id;
    let b = store.add_group(group("B", SERVER), now()).await.unwrap().id;
    let id = store.add_license(license(Holder::Group(a)), now()).await.unwrap().id;

    let by = Author { who: "user:anna".into(), from: "192.0.2.7".into(), viewer: Viewer::server() };
    let anna = Terms { by: &by, force: true, ..now() };
    store.edit_license(id, |it| it.sip_numbers = 60, anna).await.unwrap();
    store.suspend_license(id, now()).await.unwrap();
    store.edit_group(a, |it| it.parent = Some(b), now()).await.unwrap();

    assert_eq!(
        told(&store).await,
        [
            "add group A",
            "add group B",
            "add license A",
            "edit license A",
            "suspend license A",
            "move group A"
        ]
    );
    let query = AuditQuery { who: Some("user:anna".into()), ..all() };
    let [edit] = &store.audit(&query, &Viewer::server()).await.unwrap()[..] else { panic!() };
    assert_eq!((&*edit.from, edit.entity_id, edit.forced), ("192.0.2.7", Some(id.0), true));
    let (before, after) = (edit.before.clone().unwrap(), edit.after.clone().unwrap());
    assert_eq!((&before["sip_numbers"], &after["sip_numbers"]), (&json!(50), &json!(60)));
    assert_eq!(after["holder"], json!({"id": a.0, "path": "A"}));
}

async fn a_write_that_changes_nothing_or_is_refused_leaves_no_entry(base: Base) {
    let store = base.store().await;
    let a = store.add_group(group("A", SERVER), now()).await.unwrap().id;

    store.edit_group(a, |it| it.kind = "building".into(), now()).await.unwrap();
    store.add_group(group("A", SERVER), now()).await.unwrap_err();

    assert_eq!(told(&store).await, ["add group A"]);
}

async fn a_forced_deletion_tells_all_that_goes(base: Base) {
    let store = base.store().await;
    let a = store.add_group(group("A", SERVER), now()).await.unwrap().id;
    let below = store.add_group(group("1", a), now()).await.unwrap().id;
    let b = store.add_group(group("B", SERVER), now()).await.unwrap().id;
    let anna = store.add_user(user("anna", vec![below]), now()).await.unwrap().id;
    store.add_user(user("both", vec![below, b]), now()).await.unwrap();
    store.add_license(license(Holder::User(anna)), now()).await.unwrap();
    store.add_license(license(Holder::Group(below)), now()).await.unwrap();
    store.add_number(number("sip:1@a.com", Holder::Group(a), None), now()).await.unwrap();
    store.add_number(number("sip:2@a.com", Holder::User(anna), None), now()).await.unwrap();
    let rule = ClaimRule::Domain { domain: "b.com".into() };
    let claim = Claim { id: ClaimId(0), group: a, rule, kind: NumberKind::Phone };
    store.add_claim(claim, now()).await.unwrap();
    let written = told(&store).await.len();

    store.remove_group(a, Terms { force: true, ..now() }).await.unwrap();

    let mut gone = told(&store).await.split_off(written);
    gone.sort();
    assert_eq!(
        gone,
        [
            "edit user both",
            "remove claim b.com",
            "remove group 1",
            "remove group A",
            "remove license 1",
            "remove license user:anna",
            "remove number sip:1@a.com",
            "remove number sip:2@a.com",
            "remove user anna",
        ]
    );
    let under = AuditQuery { under: Some(a), ..all() };
    assert_eq!(
        store.audit(&under, &Viewer::server()).await.unwrap().len(),
        written - 1 + gone.len()
    );
}

async fn a_password_is_never_told(base: Base) {
    let store = base.store().await;
    let new = number("sip:1@a.com", Holder::Group(SERVER), Some("first secret"));
    let id = store.add_number(new, now()).await.unwrap().id;
    let set = |password: Option<&str>| {
        let password = password.map(str::to_owned);
        |it: &mut Number| it.password = password
    };

    store.edit_number(id, set(Some("second secret")), now()).await.unwrap();
    store.edit_number(id, set(Some("second secret")), now()).await.unwrap();
    store.edit_number(id, set(None), now()).await.unwrap();

    let rows = store.audit(&all(), &Viewer::server()).await.unwrap();
    let password = |side: &Option<Value>| side.as_ref().map(|side| side["password"].clone());
    let passwords: Vec<_> =
        rows.iter().rev().map(|row| (password(&row.before), password(&row.after))).collect();
    assert_eq!(
        passwords,
        [
            (None, Some(json!("set"))),
            (Some(json!("set")), Some(json!("changed"))),
            (Some(json!("set")), Some(Value::Null)),
        ]
    );
    assert!(!serde_json::to_string(&rows).unwrap().contains("secret"));
}

async fn an_administrator_reads_of_the_own_group_and_nothing_above_or_beside(base: Base) {
    let store = base.store().await;
    let top = store.add_group(group("Top", SERVER), now()).await.unwrap().id;
    let own = store.add_group(group("Own", top), now()).await.unwrap().id;
    let below = store.add_group(group("Below", own), now()).await.unwrap().id;
    let beside = store.add_group(group("Beside", top), now()).await.unwrap().id;
    store.add_user(user("anna", vec![below, beside]), now()).await.unwrap();
    store.add_license(license(Holder::Group(beside)), now()).await.unwrap();
    store.add_number(number("sip:1@a.com", Holder::Group(beside), None), now()).await.unwrap();
    let moved = store.find_number("sip:1@a.com").await.unwrap();
    store.edit_number(moved.id, |it| it.owner = Holder::Group(below), now()).await.unwrap();
    let edit = |it: &mut Group| (it.parent, it.name) = (Some(beside), "Left".into());
    store.edit_group(below, edit, now()).await.unwrap();

    let rows = store.audit(&all(), &viewer(Role::SiteAdministrator, own)).await.unwrap();

    let mut words: Vec<_> =
        rows.iter().map(|row| format!("{} {} {}", row.action, row.entity, row.name)).collect();
    words.reverse();
    assert_eq!(
        words,
        [
            "add group Own",
            "add group Below",
            "add user anna",
            "edit number sip:1@a.com",
            "edit group Below"
        ]
    );
    let text = serde_json::to_string(&rows).unwrap();
    for hidden in ["Top", "Beside", "Left", "line"] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    assert_eq!(
        rows[2].after.as_ref().unwrap()["groups"],
        json!([{"id": below.0, "path": "Own/Below"}])
    );
    assert_eq!(rows[4].after.as_ref().unwrap()["parent"], Value::Null);
    assert_eq!((&rows[1].before, &rows[0].after), (&None, &None));
}

async fn who_administers_nothing_or_asks_beside_reads_nothing(base: Base) {
    let store = base.store().await;
    let a = store.add_group(group("A", SERVER), now()).await.unwrap().id;
    let b = store.add_group(group("B", SERVER), now()).await.unwrap().id;

    for role in [Role::Concierge, Role::User] {
        let read = store.audit(&all(), &viewer(role, a)).await;
        assert!(matches!(read, Err(Error::Denied(Denial::Forbidden))), "{read:?}");
    }
    let query = AuditQuery { under: Some(b), ..all() };
    let read = store.audit(&query, &viewer(Role::CompanyAdministrator, a)).await;
    assert!(matches!(read, Err(Error::Denied(Denial::Unseen))), "{read:?}");
}

async fn nothing_of_the_record_can_be_changed_or_removed(base: Base) {
    let store = base.store().await;
    store.add_group(group("A", SERVER), now()).await.unwrap();

    let replaced = if base.is_postgres() {
        "truncate audit, audit_scopes"
    } else {
        "insert or replace into audit select * from audit"
    };
    for text in [
        "update audit set who = 'nobody'",
        "delete from audit",
        replaced,
        "update audit_scopes set group_id = 7",
        "delete from audit_scopes",
    ] {
        let mut conn = store.conn().await.unwrap();
        assert!(super::super::sql::sql(text).execute(&mut conn).await.is_err(), "{text}");
    }
    assert_eq!(told(&store).await, ["add group A"]);
}

async fn pages_follow_each_other_without_a_gap(base: Base) {
    let store = base.store().await;
    let a = store.add_group(group("A", SERVER), now()).await.unwrap().id;
    let numbers = (0..2_500).map(|n| number(&format!("sip:{n}@a.com"), Holder::Group(a), None));
    store.write(Change::AddNumbers(numbers.collect()), now()).await.unwrap();

    for under in [None, Some(a)] {
        let query = AuditQuery { under, limit: 2_200, ..AuditQuery::default() };
        let mut pages = store.audit_pages(query, Viewer::server());
        let (mut ids, mut sizes) = (Vec::new(), Vec::new());
        loop {
            let page = pages.next().await.unwrap();
            if page.is_empty() {
                break;
            }
            sizes.push(page.len());
            ids.extend(page.iter().map(|row| row.id));
        }

        assert_eq!(sizes, [1000, 1000, 200]);
        assert!(ids.windows(2).all(|pair| pair[0] == pair[1] + 1));
    }
}
