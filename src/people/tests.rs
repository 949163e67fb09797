//! The room as a whole, on both databases.

use super::*;
use crate::license::{Assignment, Denial, Moment, NoSeats, Role, SERVER, UserId, Viewer};
use crate::store::base::{Base, on_both};
use crate::store::{Author, Error, NewToken, Terms, Token};

on_both!(
    a_link_makes_the_first_administrator_who_signs_in,
    a_session_takes_its_word_for_changes_and_ends,
    a_token_is_let_in_until_it_ends,
    a_token_that_reads_changes_nothing,
    a_user_sets_their_password_with_the_old_one,
    who_was_let_in_lately_needs_no_database,
    uses_are_written_behind,
);

struct Cast {
    store: Arc<Store>,
    people: Arc<People>,
    now: Moment,
}

const PASSWORD: &str = "correct horse";

async fn cast(base: &Base) -> Cast {
    let (store, clock) = (Arc::new(base.store().await), Clock::start());
    let people = Arc::new(People::new(Arc::clone(&store), clock));
    Cast { store, people, now: clock.now().moment() }
}

impl Cast {
    async fn root(&self) -> UserId {
        let link = self.people.invite().await.unwrap().expect("there is nobody yet");
        self.people.set_up(link.reveal(), ("root", PASSWORD, None), None).await.unwrap()
    }

    async fn token(&self, read_only: bool, secs: i64) -> (Secret, Token) {
        let secret = Secret::token().unwrap();
        let new = NewToken {
            name: "ci".into(),
            hash: secret.hash(),
            role: Role::ServerAdministrator,
            group: Some(SERVER),
            user: None,
            read_only,
            expires_at: Some(Moment(self.now.0 + secs)),
        };
        let made = self.store.add_token(new, Terms::at(self.now)).await.unwrap().record;
        (secret, made)
    }

    async fn shows(&self, bearer: &str, safe_method: bool) -> Result<Author, Turned> {
        let (bearer, from) = (Some(bearer), Some("192.0.2.1:7".parse().unwrap()));
        let shown = Credentials { bearer, cookie: None, csrf: None, safe_method, from };
        self.people.authenticate(shown).await
    }

    async fn visits(
        &self,
        one: &SignedIn,
        csrf: Option<&str>,
        safe: bool,
    ) -> Result<Author, Turned> {
        let cookie = Some(one.session.reveal());
        let shown = Credentials { bearer: None, cookie, csrf, safe_method: safe, from: None };
        self.people.authenticate(shown).await
    }
}

async fn a_link_makes_the_first_administrator_who_signs_in(base: Base) {
    let cast = cast(&base).await;
    let people = &cast.people;
    let first = people.invite().await.unwrap().unwrap();
    let link = people.invite().await.unwrap().unwrap();
    let set_up = |link: &Secret, password: &'static str| {
        let link = link.clone();
        async move { people.set_up(link.reveal(), ("root", password, None), None).await }
    };

    assert!(matches!(set_up(&first, PASSWORD).await, Err(Refused::Link)));
    assert!(matches!(set_up(&link, "short").await, Err(Refused::Password(_))));
    let id = set_up(&link, PASSWORD).await.unwrap();

    assert!(matches!(set_up(&link, PASSWORD).await, Err(Refused::Link)));
    assert_eq!(people.invite().await.unwrap().map(|link| link.hash()), None);
    let signed = people.sign_in("root", PASSWORD, None).await.unwrap();
    assert_eq!((signed.user, &*signed.name), (id, "root"));
    let by = cast.visits(&signed, None, true).await.unwrap();
    assert_eq!((&*by.who, by.viewer.user, by.viewer.is_server()), ("user:root", Some(id), true));
    for (name, password) in [("root", "another horse"), ("nobody", PASSWORD), ("", "")] {
        let turned = people.sign_in(name, password, None).await.unwrap_err();
        assert_eq!(turned, Turned::Unknown, "{name}");
    }
}

async fn a_session_takes_its_word_for_changes_and_ends(base: Base) {
    let cast = cast(&base).await;
    cast.root().await;
    let one = cast.people.sign_in("root", PASSWORD, None).await.unwrap();
    let other = cast.people.sign_in("root", PASSWORD, None).await.unwrap();

    for (csrf, turned) in [(None, true), (Some(&*other.csrf), true), (Some(&*one.csrf), false)] {
        let let_in = cast.visits(&one, csrf, false).await;
        assert_eq!(let_in.is_err_and(|why| why == Turned::Forged), turned, "{csrf:?}");
    }
    assert_eq!(csrf_of(one.session.reveal()), one.csrf);
    // A session is no token.
    assert_eq!(cast.shows(one.session.reveal(), true).await, Err(Turned::Unknown));
    assert!(cast.people.sign_out(one.session.reveal()).await.unwrap());
    assert_eq!(cast.visits(&one, None, true).await, Err(Turned::Unknown));
    cast.visits(&other, None, true).await.unwrap();
    base.hand().await.run("update sessions set expires_at = 1").await;
    cast.people.forget();
    assert_eq!(cast.visits(&other, None, true).await, Err(Turned::Unknown));
}

async fn a_token_is_let_in_until_it_ends(base: Base) {
    let cast = cast(&base).await;
    let (secret, token) = cast.token(false, 3600).await;

    let by = cast.shows(secret.reveal(), false).await.unwrap();
    assert_eq!((&*by.who, &*by.from), ("token:ci", "192.0.2.1:7"));
    assert!(by.viewer.is_server() && by.viewer.others.is_some());
    assert_eq!(cast.shows("admt_forged", true).await, Err(Turned::Unknown));
    assert_eq!(cast.people.invite().await.unwrap().map(|link| link.hash()), None);
    base.hand().await.run("update tokens set expires_at = 1").await;
    cast.people.forget();
    assert_eq!(cast.shows(secret.reveal(), true).await, Err(Turned::Unknown));
    cast.store.revoke_token(token.id, Terms::at(cast.now)).await.unwrap();
    cast.people.forget();
    assert_eq!(cast.shows(secret.reveal(), true).await, Err(Turned::Unknown));
}

async fn a_token_that_reads_changes_nothing(base: Base) {
    let cast = cast(&base).await;
    let (secret, _) = cast.token(true, 3600).await;

    assert!(cast.shows(secret.reveal(), true).await.is_ok());
    assert_eq!(cast.shows(secret.reveal(), false).await, Err(Turned::ReadOnly));
}

async fn a_user_sets_their_password_with_the_old_one(base: Base) {
    let cast = cast(&base).await;
    let id = cast.root().await;
    let signed = cast.people.sign_in("root", PASSWORD, None).await.unwrap();
    let by = cast.visits(&signed, None, true).await.unwrap();
    let terms = Terms { by: &by, usage: &NoSeats, ..Terms::at(cast.now) };
    let change = async |old, new| cast.people.change_password(id, old, new, terms).await;

    assert!(matches!(change(None, "another horse").await, Err(Refused::OldPassword)));
    assert!(matches!(change(Some("no horse"), "another horse").await, Err(Refused::OldPassword)));
    assert!(matches!(change(Some(PASSWORD), "short").await, Err(Refused::Password(_))));
    change(Some(PASSWORD), "another horse").await.unwrap();

    assert_eq!(cast.visits(&signed, None, true).await, Err(Turned::Unknown));
    assert!(cast.people.sign_in("root", PASSWORD, None).await.is_err());
    cast.people.sign_in("root", "another horse", None).await.unwrap();
    let role = Assignment { role: Role::ServerAdministrator, group: SERVER };
    let nobody = Viewer { others: Some(Default::default()), ..Viewer::default() };
    let by = Author { viewer: nobody, ..by.clone() };
    let terms = Terms { by: &by, ..terms };
    let denied = cast.people.change_password(id, None, "a third horse", terms).await;
    assert!(matches!(denied, Err(Refused::Store(Error::Denied(Denial::Unseen)))), "{denied:?}");
    assert_eq!(cast.store.roles_of(id).await.unwrap(), [role]);
}

async fn who_was_let_in_lately_needs_no_database(base: Base) {
    let cast = cast(&base).await;
    let (secret, _) = cast.token(false, 3600).await;
    let other = Secret::token().unwrap();
    cast.shows(secret.reveal(), true).await.unwrap();

    cast.store.close().await;

    assert!(cast.shows(secret.reveal(), true).await.is_ok());
    assert_eq!(cast.shows(other.reveal(), true).await, Err(Turned::Away));
    let past = cast.people.known.stale(&secret.hash(), u64::MAX);
    assert!(past.is_none());
    cast.people.forget();
    assert_eq!(cast.shows(secret.reveal(), true).await, Err(Turned::Away));
}

async fn uses_are_written_behind(base: Base) {
    let cast = cast(&base).await;
    let (secret, token) = cast.token(false, 3600).await;
    cast.root_by_hand().await;
    let signed = cast.people.sign_in("root", PASSWORD, None).await.unwrap();
    base.hand()
        .await
        .run("update sessions set expires_at = expires_at - 100, last_seen_at = 1")
        .await;
    cast.people.forget();

    cast.shows(secret.reveal(), true).await.unwrap();
    cast.visits(&signed, None, true).await.unwrap();
    assert_eq!(cast.store.find_token("ci").await.unwrap().last_used_at, None);
    cast.people.write_uses().await;

    let used = cast.store.find_token(&token.name).await.unwrap().last_used_at.unwrap();
    assert!((used.0 - cast.now.0).abs() < 60);
    let session = cast.store.session(signed.session.hash()).await.unwrap().unwrap();
    assert!(session.last_seen_at.0 > 1);
    assert!((session.expires_at.0 - signed.expires_at.0).abs() < 60);
}

impl Cast {
    /// An administrator beside a token: the daemon would make no link.
    async fn root_by_hand(&self) {
        let link = new_link(&self.store, Terms::at(self.now)).await.unwrap();
        let root = ("root", PASSWORD, Some("root@e.com"));
        self.people.set_up(link.reveal(), root, None).await.unwrap();
    }
}
