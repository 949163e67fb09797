//! Rows of access, on both databases.

use super::super::base::{Base, on_both};
use super::*;
use crate::license::{Assignment, Group, Moment, SERVER, User, Viewer};
use crate::store::{AuditQuery, Author, Changed, Feed, Key, Terms};

on_both!(
    a_token_is_found_by_its_hash_until_it_is_revoked,
    a_token_that_means_nothing_is_refused,
    whoever_is_removed_takes_everything_along,
    a_role_is_had_once_and_taken_once,
    a_token_ends_with_the_one_that_made_it,
    nobody_gives_more_than_they_have,
    every_change_is_recorded_without_a_secret,
    a_new_password_ends_the_sessions_of_the_old_one,
    a_set_up_link_works_once_and_not_too_late,
    a_reader_of_the_feed_hears_of_access_and_not_of_its_use,
);

const NOW: Moment = Moment(1_700_000_000);

struct Cast {
    store: Store,
    home: GroupId,
    anna: UserId,
}

async fn cast(base: &Base) -> Cast {
    let store = base.store().await;
    let group = Group {
        id: GroupId(0),
        parent: Some(SERVER),
        name: "Home".into(),
        kind: String::new(),
        restricted: false,
        hand_out: Default::default(),
        time_zone: None,
        monitor: false,
        admin_emails: vec![],
    };
    let home = store.add_group(group, Terms::at(NOW)).await.unwrap().id;
    let user = User { id: UserId(0), name: "anna".into(), email: None, groups: vec![home] };
    let anna = store.add_user(user, Terms::at(NOW)).await.unwrap().id;
    Cast { store, home, anna }
}

fn token(name: &str, role: Role, group: Option<GroupId>, user: Option<UserId>) -> NewToken {
    let hash = name.bytes().chain(std::iter::repeat(0)).take(32).collect::<Vec<_>>();
    let hash = hash.try_into().unwrap();
    NewToken { name: name.into(), hash, role, group, user, read_only: false, expires_at: None }
}

fn administrator(cast: &Cast) -> Assigned {
    let what = Assignment { role: Role::SiteAdministrator, group: cast.home };
    Assigned { user: cast.anna, what }
}

fn session(cast: &Cast, byte: u8) -> NewSession {
    NewSession {
        hash: [byte; 32],
        csrf_hash: [byte; 32],
        user: cast.anna,
        at: NOW,
        expires_at: Moment(NOW.0 + 10),
        from: "127.0.0.1:1".into(),
    }
}

async fn a_token_is_found_by_its_hash_until_it_is_revoked(base: Base) {
    let cast = cast(&base).await;
    let store = &cast.store;
    let new = token("ci", Role::SiteAdministrator, Some(cast.home), None);

    let made = store.add_token(new.clone(), Terms::at(NOW)).await.unwrap().record;

    let found = store.bearer(new.hash).await.unwrap().unwrap();
    assert_eq!(found.token, made);
    assert_eq!((made.role, made.group, made.created_at), (new.role, new.group, NOW));
    assert_eq!(made.created_by, "daemon");
    assert_eq!(store.find_token("ci").await.unwrap(), made);
    store.note_token_use(&[(made.id, Moment(NOW.0 + 1))]).await.unwrap();
    assert_eq!(store.tokens().await.unwrap()[0].last_used_at, Some(Moment(NOW.0 + 1)));
    store.revoke_token(made.id, Terms::at(NOW)).await.unwrap();
    assert_eq!(store.bearer(new.hash).await.unwrap(), None);
    assert!(store.revoke_token(made.id, Terms::at(NOW)).await.is_err());
}

async fn a_token_that_means_nothing_is_refused(base: Base) {
    let cast = cast(&base).await;
    let (home, anna) = (Some(cast.home), Some(cast.anna));
    let past = NewToken { expires_at: Some(NOW), ..token("a", Role::Concierge, home, None) };
    cast.store
        .add_token(token("twice", Role::Concierge, home, None), Terms::at(NOW))
        .await
        .unwrap();

    for new in [
        past,
        token("", Role::Concierge, home, None),
        token("a b", Role::Concierge, home, None),
        token(&"a".repeat(65), Role::Concierge, home, None),
        token("a", Role::Concierge, None, None),
        token("a", Role::Concierge, home, anna),
        token("a", Role::ServerAdministrator, home, None),
        token("a", Role::Concierge, Some(SERVER), None),
        token("a", Role::User, None, None),
        token("a", Role::Concierge, Some(GroupId(99)), None),
        token("a", Role::User, None, Some(UserId(99))),
        token("twice", Role::Concierge, home, None),
    ] {
        let refused = cast.store.add_token(new.clone(), Terms::at(NOW)).await;
        assert!(matches!(refused, Err(Error::Invalid(_) | Error::NotFound(_))), "{new:?}");
    }
    assert_eq!(cast.store.tokens().await.unwrap().len(), 1);
}

async fn whoever_is_removed_takes_everything_along(base: Base) {
    let cast = cast(&base).await;
    let store = &cast.store;
    let now = Terms::at(NOW);
    let of_home = token("home", Role::Concierge, Some(cast.home), None);
    let of_anna = token("anna", Role::User, None, Some(cast.anna));
    store.add_token(of_home, now).await.unwrap();
    store.add_token(of_anna.clone(), now).await.unwrap();
    store.assign_role(&administrator(&cast), now).await.unwrap();
    store.set_password(cast.anna, "$argon2id$x", now).await.unwrap();
    assert!(store.begin_session(&session(&cast, 1), "$argon2id$x").await.unwrap());

    store.remove_group(cast.home, Terms { force: true, ..now }).await.unwrap();

    assert_eq!(store.tokens().await.unwrap(), []);
    assert!(store.roles().await.unwrap().is_empty());
    assert_eq!(store.session([1; 32]).await.unwrap(), None);
    assert_eq!(store.password_of("anna").await.unwrap(), None);
    assert_eq!(base.hand().await.int("select count(*) from credentials").await, 0);
}

async fn a_role_is_had_once_and_taken_once(base: Base) {
    let cast = cast(&base).await;
    let (store, one, now) = (&cast.store, administrator(&cast), Terms::at(NOW));

    assert!(store.assign_role(&one, now).await.unwrap());
    assert!(!store.assign_role(&one, now).await.unwrap());
    assert_eq!(store.roles_of(cast.anna).await.unwrap(), [one.what]);
    assert_eq!(store.roles_at(cast.home).await.unwrap(), [one.clone()].into());
    assert!(store.roles_at(SERVER).await.unwrap().is_empty());
    assert!(store.revoke_role(&one, now).await.unwrap());
    assert!(!store.revoke_role(&one, now).await.unwrap());
    for what in [
        Assignment { role: Role::ServerAdministrator, group: cast.home },
        Assignment { role: Role::Concierge, group: SERVER },
    ] {
        assert!(store.assign_role(&Assigned { what, ..one }, now).await.is_err());
    }
}

async fn nobody_gives_more_than_they_have(base: Base) {
    let cast = cast(&base).await;
    let store = &cast.store;
    let what = |role| Some(Assignment { role, group: cast.home });
    let by = |who: &str, user, what: Option<Assignment>| {
        let assignments = what.into_iter().collect();
        let viewer = Viewer { user, assignments, others: Some(Default::default()), until: None };
        Author { who: who.into(), from: "127.0.0.1:1".into(), viewer }
    };
    let anna = by("user:anna", Some(cast.anna), None);
    let site = by("token:site", None, what(Role::SiteAdministrator));
    let concierge = by("token:door", None, what(Role::Concierge));
    let make = async |by: &Author, name: &str, role, group, user| {
        let terms = Terms { by, ..Terms::at(NOW) };
        store.add_token(token(name, role, group, user), terms).await
    };
    let home = Some(cast.home);

    make(&site, "s1", Role::SiteAdministrator, home, None).await.unwrap();
    make(&site, "s2", Role::Concierge, home, None).await.unwrap();
    make(&site, "s3", Role::User, None, Some(cast.anna)).await.unwrap();
    make(&anna, "a1", Role::User, None, Some(cast.anna)).await.unwrap();
    for (by, role, group, user) in [
        (&site, Role::CompanyAdministrator, home, None),
        (&site, Role::ServerAdministrator, Some(SERVER), None),
        (&concierge, Role::Concierge, home, None),
        (&concierge, Role::User, None, Some(cast.anna)),
        (&anna, Role::User, home, None),
        (&anna, Role::SiteAdministrator, home, None),
    ] {
        let refused = make(by, "x", role, group, user).await;
        assert!(matches!(refused, Err(Error::Denied(_))), "{} {role}: {refused:?}", by.who);
    }
    let daemon = Author::daemon();
    let server = make(&daemon, "r", Role::ServerAdministrator, Some(SERVER), None);
    let server = server.await.unwrap();
    let terms = Terms { by: &site, ..Terms::at(NOW) };
    assert!(store.revoke_token(server.record.id, terms).await.is_err());
    assert!(store.assign_role(&administrator(&cast), terms).await.is_err());
    store.set_password(cast.anna, "$argon2id$x", terms).await.unwrap();
    let terms = Terms { by: &concierge, ..terms };
    assert!(store.set_password(cast.anna, "$argon2id$x", terms).await.is_err());
    assert!(store.has_server_token(NOW).await.unwrap());
}

async fn a_token_ends_with_the_one_that_made_it(base: Base) {
    let cast = cast(&base).await;
    let (end, role) = (Moment(NOW.0 + 60), Role::SiteAdministrator);
    let viewer = Viewer {
        assignments: vec![Assignment { role, group: cast.home }],
        until: Some(end),
        ..Viewer::default()
    };
    let by = Author { who: "token:short".into(), from: "127.0.0.1:1".into(), viewer };
    let terms = Terms { by: &by, ..Terms::at(NOW) };
    let made = async |name: &str, expires_at: Option<i64>| {
        let token = token(name, Role::Concierge, Some(cast.home), None);
        let token = NewToken { expires_at: expires_at.map(Moment), ..token };
        let made = cast.store.add_token(token, terms).await;
        made.map(|made| made.record.expires_at)
    };

    assert_eq!(made("without", None).await.unwrap(), Some(end));
    assert_eq!(made("before", Some(end.0 - 1)).await.unwrap(), Some(Moment(end.0 - 1)));
    assert!(matches!(made("after", Some(end.0 + 1)).await, Err(Error::Invalid(_))));
}

async fn every_change_is_recorded_without_a_secret(base: Base) {
    let cast = cast(&base).await;
    let (store, now) = (&cast.store, Terms::at(NOW));
    let id = store.add_token(token("ci", Role::Concierge, Some(cast.home), None), now).await;
    store.revoke_token(id.unwrap().record.id, now).await.unwrap();
    store.assign_role(&administrator(&cast), now).await.unwrap();
    store.revoke_role(&administrator(&cast), now).await.unwrap();
    store.set_password(cast.anna, "$argon2id$1", now).await.unwrap();
    store.set_password(cast.anna, "$argon2id$2", now).await.unwrap();

    let query = AuditQuery { limit: 100, ..AuditQuery::default() };
    let rows = store.audit_pages(query, Viewer::server()).next().await.unwrap();

    let mut told: Vec<_> =
        rows.iter().map(|row| format!("{} {}", row.action, row.entity)).collect();
    told.retain(|told| !told.ends_with("group") && !told.ends_with("user"));
    told.sort_unstable();
    assert_eq!(
        told,
        ["add password", "add role", "add token", "edit password", "remove role", "remove token"]
    );
    assert!(!format!("{rows:?}").contains("argon2"));
}

async fn a_new_password_ends_the_sessions_of_the_old_one(base: Base) {
    let cast = cast(&base).await;
    let (store, now) = (&cast.store, Terms::at(NOW));
    assert_eq!(store.password_of("anna").await.unwrap(), Some((cast.anna, None)));
    store.set_password(cast.anna, "$argon2id$old", now).await.unwrap();
    store.assign_role(&administrator(&cast), now).await.unwrap();

    assert!(store.begin_session(&session(&cast, 1), "$argon2id$old").await.unwrap());
    let until = Moment(NOW.0 + 20);
    store.note_session_use(&[([1; 32], Moment(NOW.0 + 5), until)]).await.unwrap();
    let found = store.session([1; 32]).await.unwrap().unwrap();
    store.set_password(cast.anna, "$argon2id$new", now).await.unwrap();

    assert_eq!((found.user, &*found.name, found.expires_at), (cast.anna, "anna", until));
    assert_eq!(found.roles, [administrator(&cast).what]);
    assert_eq!(store.session([1; 32]).await.unwrap(), None);
    assert!(!store.begin_session(&session(&cast, 2), "$argon2id$old").await.unwrap());
    assert!(store.begin_session(&session(&cast, 2), "$argon2id$new").await.unwrap());
    assert!(store.end_session([2; 32]).await.unwrap());
    assert!(!store.end_session([2; 32]).await.unwrap());
}

async fn a_set_up_link_works_once_and_not_too_late(base: Base) {
    let cast = cast(&base).await;
    let store = &cast.store;
    let first = FirstAdministrator {
        name: "root".into(),
        email: Some("root@e.com".into()),
        password_hash: "$argon2id$x".into(),
    };
    store.put_setup([1; 32], NOW, Terms::at(NOW)).await.unwrap();
    assert!(store.set_up([1; 32], &first, Terms::at(NOW)).await.is_err());
    store.put_setup([2; 32], Moment(NOW.0 + 1), Terms::at(NOW)).await.unwrap();

    assert!(!store.has_administrator().await.unwrap());
    assert!(store.set_up([1; 32], &first, Terms::at(NOW)).await.is_err());
    let id = store.set_up([2; 32], &first, Terms::at(NOW)).await.unwrap();

    assert!(store.has_administrator().await.unwrap());
    let (name, roles) = store.person(id).await.unwrap().unwrap();
    let role = Role::ServerAdministrator;
    assert_eq!((&*name, roles), ("root", vec![Assignment { role, group: SERVER }]));
    assert_eq!(store.users(&[id]).await.unwrap()[0].groups, [SERVER]);
    assert!(store.set_up([2; 32], &first, Terms::at(NOW)).await.is_err());
    store.put_setup([3; 32], Moment(NOW.0 + 1), Terms::at(NOW)).await.unwrap();
    assert!(matches!(store.set_up([3; 32], &first, Terms::at(NOW)).await, Err(Error::Invalid(_))));
    assert!(store.is_setup([3; 32], NOW).await.unwrap());
}

async fn a_reader_of_the_feed_hears_of_access_and_not_of_its_use(base: Base) {
    let cast = cast(&base).await;
    let (store, now) = (&cast.store, Terms::at(NOW));
    let new = token("ci", Role::Concierge, Some(cast.home), None);
    let id = store.add_token(new, now).await.unwrap().record.id;
    store.set_password(cast.anna, "$argon2id$x", now).await.unwrap();
    let start = store.read_records().await.unwrap().position;
    let mut feed = Feed::open(store, &start).await.unwrap();
    let access = || Some(Changed::Keys([Key::Access].into()));

    store.begin_session(&session(&cast, 1), "$argon2id$x").await.unwrap();
    store.note_session_use(&[([1; 32], NOW, NOW)]).await.unwrap();
    store.note_token_use(&[(id, NOW)]).await.unwrap();
    store.put_setup([1; 32], NOW, Terms::at(NOW)).await.unwrap();
    assert_eq!(feed.look().await.unwrap(), None);

    store.end_session([1; 32]).await.unwrap();
    assert_eq!(feed.look().await.unwrap(), access());
    store.assign_role(&administrator(&cast), now).await.unwrap();
    assert_eq!(feed.look().await.unwrap(), access());
    base.hand().await.run("update tokens set expires_at = 1").await;
    assert_eq!(feed.look().await.unwrap(), access());
    base.hand().await.run("delete from tokens").await;
    assert_eq!(feed.look().await.unwrap(), access());
}
