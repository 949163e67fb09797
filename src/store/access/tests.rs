//! Rows of access, on both databases.

use super::super::base::{Base, on_both};
use super::*;
use crate::license::{Assignment, Group, Moment, SERVER, User, Viewer};
use crate::store::{Author, Changed, Feed, Key, Terms};

on_both!(
    a_token_is_found_by_its_hash_until_it_is_revoked,
    a_token_that_means_nothing_is_refused,
    whoever_is_removed_takes_everything_along,
    a_role_is_had_once_and_taken_once,
    only_a_server_administrator_writes_access_for_others,
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

    let made = store.add_token(new.clone(), Terms::at(NOW)).await.unwrap();

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

async fn only_a_server_administrator_writes_access_for_others(base: Base) {
    let cast = cast(&base).await;
    let store = &cast.store;
    let viewer = Viewer {
        user: Some(cast.anna),
        assignments: vec![Assignment { role: Role::Concierge, group: cast.home }],
    };
    let by = Author { who: "user:anna".into(), from: "127.0.0.1:1".into(), viewer };
    let terms = Terms { by: &by, ..Terms::at(NOW) };
    let site = token("site", Role::SiteAdministrator, Some(cast.home), None);
    let server = token("server", Role::ServerAdministrator, Some(SERVER), None);
    let equal = token("equal", Role::Concierge, Some(cast.home), None);
    let own = token("own", Role::User, None, Some(cast.anna));

    assert!(store.assign_role(&administrator(&cast), terms).await.is_err());
    assert!(store.add_token(site, terms).await.is_err());
    assert!(store.add_token(server.clone(), terms).await.is_err());
    store.add_token(equal, terms).await.unwrap();
    store.add_token(own, terms).await.unwrap();
    let server = store.add_token(server, Terms::at(NOW)).await.unwrap();
    assert!(store.revoke_token(server.id, terms).await.is_err());
    assert!(store.has_server_token(NOW).await.unwrap());
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
    store.put_setup([1; 32], NOW).await.unwrap();
    assert!(store.set_up([1; 32], &first, NOW).await.is_err());
    store.put_setup([2; 32], Moment(NOW.0 + 1)).await.unwrap();

    assert!(!store.has_administrator().await.unwrap());
    assert!(store.set_up([1; 32], &first, NOW).await.is_err());
    let id = store.set_up([2; 32], &first, NOW).await.unwrap();

    assert!(store.has_administrator().await.unwrap());
    let (name, roles) = store.person(id).await.unwrap().unwrap();
    let role = Role::ServerAdministrator;
    assert_eq!((&*name, roles), ("root", vec![Assignment { role, group: SERVER }]));
    assert_eq!(store.users(&[id]).await.unwrap()[0].groups, [SERVER]);
    assert!(store.set_up([2; 32], &first, NOW).await.is_err());
    store.put_setup([3; 32], Moment(NOW.0 + 1)).await.unwrap();
    assert!(matches!(store.set_up([3; 32], &first, NOW).await, Err(Error::Invalid(_))));
    assert!(store.is_setup([3; 32], NOW).await.unwrap());
}

async fn a_reader_of_the_feed_hears_of_access_and_not_of_its_use(base: Base) {
    let cast = cast(&base).await;
    let (store, now) = (&cast.store, Terms::at(NOW));
    let new = token("ci", Role::Concierge, Some(cast.home), None);
    let id = store.add_token(new, now).await.unwrap().id;
    store.set_password(cast.anna, "$argon2id$x", now).await.unwrap();
    let start = store.read_records().await.unwrap().position;
    let mut feed = Feed::open(store, &start).await.unwrap();
    let access = || Some(Changed::Keys([Key::Access].into()));

    store.begin_session(&session(&cast, 1), "$argon2id$x").await.unwrap();
    store.note_session_use(&[([1; 32], NOW, NOW)]).await.unwrap();
    store.note_token_use(&[(id, NOW)]).await.unwrap();
    store.put_setup([1; 32], NOW).await.unwrap();
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
