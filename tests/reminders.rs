//! Reminders against a real mail server: each mail once, whatever fails in between.
#![cfg(feature = "peers")]

#[path = "base/mod.rs"]
mod base;
mod mail;

use std::path::Path;
use std::process::Command;

use admitd::license::{Every, Moment, Reminder, Validity};
use admitd::store::TemplateRow;
use chrono_tz::Tz;

use base::{Base, on_both};
use mail::{DAY, MailServer, Site, config};

on_both!(
    a_mail_goes_out_at_nine_once_whatever_restarts,
    after_downtime_only_the_latest_missed_one,
    an_end_that_becomes_known_late_has_one_mail_at_once,
    an_end_that_is_moved_has_a_series_of_its_own,
    a_reminder_that_is_set_anew_repeats_nothing,
    of_two_daemons_at_once_one_sends,
    what_is_refused_for_a_while_arrives_once,
    a_refused_address_fails_and_is_not_tried_again,
    a_connection_that_breaks_is_no_mail,
    a_mail_is_the_same_mail_when_it_comes_twice,
    a_daemon_that_died_while_the_server_answered_sends_no_second_one,
    a_claim_of_a_dead_daemon_ends,
    what_ends_no_more_is_not_mailed,
    an_end_that_came_closes_what_waits,
    a_clock_that_is_set_back_sends_nothing_twice,
    administrators_partners_and_users_are_told_each_what_is_theirs,
    a_template_that_fails_gives_way_to_the_built_in_one,
    names_are_neither_headers_nor_markup_nor_templates,
);

/// 1 December 2024, 00:00 in Madrid.
const END: Moment = Moment(1_733_007_600);
/// 09:00 there, so many days before.
fn nine(days: i64) -> Moment {
    Moment(END.0 - days * DAY + 9 * 3_600)
}

fn at(hours: i64, of: Moment) -> Moment {
    Moment(of.0 + hours * 3_600)
}

/// A group whose license ends, with a daily reminder seven days before, for `p@example.com`.
async fn site(base: &Base) -> (Site, Reminder) {
    let site = Site::new(base, Moment(END.0 - 60 * DAY)).await;
    let (group, _) = site.gate("Home", Tz::Europe__Madrid, 50, END).await;
    let reminder = Reminder {
        group,
        days: 7,
        every: Every::Daily,
        also: vec!["p@example.com".into()],
        users: false,
        enabled: true,
    };
    site.remind(&reminder).await;
    site.publish().await;
    (site, reminder)
}

type Row = (String, String, &'static str);

fn days(queue: &[Row]) -> Vec<(&str, &'static str)> {
    queue.iter().map(|(day, _, state)| (day.as_str(), *state)).collect()
}

async fn a_mail_goes_out_at_nine_once_whatever_restarts(base: Base) {
    let server = MailServer::start();
    let (site, _) = site(&base).await;
    let mut reminders = site.reminders(&server.config());

    let before = reminders.step(at(-1, nine(7))).await.unwrap();
    assert_eq!((before.made, before.wake), (0, Some(nine(7))));
    let due = reminders.step(nine(7)).await.unwrap();
    let again = reminders.step(at(1, nine(7))).await.unwrap();
    let restarted = site.reminders(&server.config()).step(at(2, nine(7))).await.unwrap();

    assert_eq!((due.made, due.sent), (1, 1));
    assert_eq!((again.sent, restarted.sent), (0, 0));
    assert_eq!(again.wake, Some(nine(6)));
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, "p@example.com");
    assert_eq!(mails[0].subject, "Home: licenses end on 30 November 2024 (7 days left)");
    assert!(mails[0].raw.contains("Date: Sun, 24 Nov 2024 08:00:00 +0000"), "{}", mails[0].raw);
}

async fn after_downtime_only_the_latest_missed_one(base: Base) {
    let server = MailServer::start();
    let (site, _) = site(&base).await;
    site.reminders(&server.config()).step(nine(7)).await.unwrap();

    site.reminders(&server.config()).step(at(3, nine(3))).await.unwrap();

    let queue = site.queue().await;
    assert_eq!(days(&queue), [("2024-11-24", "sent"), ("2024-11-28", "sent")]);
    assert_eq!(server.mails().len(), 2);
}

async fn an_end_that_becomes_known_late_has_one_mail_at_once(base: Base) {
    let server = MailServer::start();
    let (site, reminder) = site(&base).await;
    site.remind(&Reminder { days: 30, every: Every::Weekly, ..reminder }).await;
    let mut reminders = site.reminders(&server.config());

    for hour in 0..24 * 3 {
        reminders.step(at(hour, nine(10))).await.unwrap();
    }

    // 22 November was missed; the next is the 29th.
    assert_eq!(days(&site.queue().await), [("2024-11-15", "sent"), ("2024-11-22", "sent")]);
    let late = reminders.step(nine(2)).await.unwrap();
    assert_eq!(late.sent, 1);
}

async fn an_end_that_is_moved_has_a_series_of_its_own(base: Base) {
    let server = MailServer::start();
    let (mut site, _) = site(&base).await;
    let mut reminders = site.reminders(&server.config());
    reminders.step(nine(7)).await.unwrap();

    site.now = nine(6);
    let license = site.world.load().tree.licenses().next().unwrap().id;
    let until = Some(Moment(END.0 + DAY));
    let edit = |license: &mut admitd::license::License| {
        license.validity = Validity { until, ..license.validity };
    };
    site.store.edit_license(license, edit, site.terms()).await.unwrap();
    site.publish().await;
    reminders.step(at(1, nine(6))).await.unwrap();

    let subjects: Vec<_> = server.mails().into_iter().map(|mail| mail.subject).collect();
    assert_eq!(
        subjects,
        [
            "Home: licenses end on 30 November 2024 (7 days left)",
            "Home: licenses end on 1 December 2024 (7 days left)",
        ]
    );
}

async fn a_reminder_that_is_set_anew_repeats_nothing(base: Base) {
    let server = MailServer::start();
    let (site, reminder) = site(&base).await;
    let mut reminders = site.reminders(&server.config());
    reminders.step(nine(5)).await.unwrap();

    // Of this series the 22nd was the latest: a mail has been sent since.
    site.remind(&Reminder { days: 30, every: Every::Weekly, ..reminder }).await;
    let anew = reminders.step(at(1, nine(5))).await.unwrap();
    let next = reminders.step(nine(2)).await.unwrap();

    assert_eq!((anew.made, anew.wake), (0, Some(nine(2))));
    assert_eq!(next.sent, 1);
    assert_eq!(days(&site.queue().await), [("2024-11-26", "sent"), ("2024-11-29", "sent")]);
}

async fn of_two_daemons_at_once_one_sends(base: Base) {
    let server = MailServer::start();
    let (site, _) = site(&base).await;
    for n in 0..20 {
        let (group, _) = site.gate(&format!("g{n}"), Tz::Europe__Madrid, 5, END).await;
        let also = vec![format!("g{n}@example.com")];
        let every = Every::Daily;
        site.remind(&Reminder { group, days: 7, every, also, users: false, enabled: true }).await;
    }
    site.publish().await;
    let other = Site { store: reopened(&base).await, world: site.world.clone(), now: site.now };
    let mut one = site.reminders(&server.config());
    let mut two = other.reminders(&server.config());

    for day in [7, 6] {
        let (one, two) = tokio::join!(one.step(nine(day)), two.step(nine(day)));
        one.unwrap();
        two.unwrap();
    }

    let mut told = server.told();
    assert_eq!(told.len(), 42);
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 21);
}

async fn reopened(base: &Base) -> std::sync::Arc<admitd::store::Store> {
    std::sync::Arc::new(admitd::store::Store::open(&base.url(), Path::new("")).await.unwrap())
}

async fn what_is_refused_for_a_while_arrives_once(base: Base) {
    let server = MailServer::start();
    let (site, _) = site(&base).await;
    let mut reminders = site.reminders(&server.config());

    for mood in ["rcpt 450", "data 451", "greet", "close"] {
        server.mood(mood);
        let step = reminders.step(nine(7)).await.unwrap();
        assert_eq!((step.sent, step.failed), (0, 0), "{mood}");
    }
    server.mood("");
    let soon = reminders.step(at(0, nine(7))).await.unwrap();
    let later = reminders.step(at(1, nine(7))).await.unwrap();

    assert_eq!((soon.sent, later.sent), (0, 1));
    assert_eq!(days(&site.queue().await), [("2024-11-24", "sent")]);
    assert_eq!(server.mails().len(), 1);
}

async fn a_refused_address_fails_and_is_not_tried_again(base: Base) {
    let server = MailServer::start();
    let (site, _) = site(&base).await;
    let mut reminders = site.reminders(&server.config());
    server.mood("rcpt 550");

    let refused = reminders.step(nine(7)).await.unwrap();
    server.mood("");
    reminders.step(at(9, nine(7))).await.unwrap();

    assert_eq!(refused.failed, 1);
    let mails = site.store.mails(None, None, None, 10).await.unwrap();
    assert_eq!(mails[0].state.name(), "failed");
    assert!(mails[0].error.as_deref().unwrap().contains("not this one"), "{:?}", mails[0].error);
    assert_eq!(server.mails().len(), 0);
}

async fn a_connection_that_breaks_is_no_mail(base: Base) {
    let server = MailServer::start();
    let (site, _) = site(&base).await;
    let mut reminders = site.reminders(&server.config());
    server.mood("close");

    let broken = reminders.step(nine(7)).await.unwrap();
    assert_eq!(days(&site.queue().await), [("2024-11-24", "queued")]);
    assert!(broken.wake.unwrap() > nine(7), "{broken:?}");
    server.mood("");
    reminders.step(at(1, nine(7))).await.unwrap();

    assert_eq!(server.mails().len(), 1);
}

async fn a_mail_is_the_same_mail_when_it_comes_twice(base: Base) {
    let server = MailServer::start();
    let (site, _) = site(&base).await;
    let mut reminders = site.reminders(&server.config());
    server.mood("lose");

    reminders.step(nine(7)).await.unwrap();
    server.mood("");
    reminders.step(at(1, nine(7))).await.unwrap();

    // The server took the first without saying so: a mailbox knows the second by its id.
    let ids: Vec<_> = server.mails().into_iter().map(|mail| mail.message_id).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
}

async fn a_daemon_that_died_while_the_server_answered_sends_no_second_one(base: Base) {
    let server = MailServer::start();
    let (site, _) = site(&base).await;
    server.mood("greet");
    site.reminders(&server.config()).step(nine(7)).await.unwrap();
    server.mood("");
    let died = format!(
        "update mails set state = 'sending', claimed_by = 'x', lease_until = {}",
        at(1, nine(7)).0 - 2_700
    );
    base.hand().await.run(&died).await;
    let mut reminders = site.reminders(&server.config());

    reminders.step(at(0, nine(7))).await.unwrap();
    assert_eq!(days(&site.queue().await), [("2024-11-24", "sending")]);
    reminders.step(at(1, nine(7))).await.unwrap();

    assert_eq!(days(&site.queue().await), [("2024-11-24", "sent")]);
    assert_eq!(server.mails().len(), 0);
    let mails = site.store.mails(None, None, None, 10).await.unwrap();
    assert!(mails[0].error.is_some());
}

async fn a_claim_of_a_dead_daemon_ends(base: Base) {
    let server = MailServer::start();
    let (site, _) = site(&base).await;
    server.mood("greet");
    site.reminders(&server.config()).step(nine(7)).await.unwrap();
    server.mood("");
    let claimed = format!(
        "update mails set claimed_by = 'x', next_attempt_at = 0, lease_until = {}",
        nine(7).0 + 200
    );
    base.hand().await.run(&claimed).await;
    let mut reminders = site.reminders(&server.config());

    let held = reminders.step(nine(7)).await.unwrap();
    assert_eq!((held.sent, held.wake), (0, Some(Moment(nine(7).0 + 200))));
    let free = reminders.step(Moment(nine(7).0 + 200)).await.unwrap();

    assert_eq!(free.sent, 1);
    assert_eq!(server.mails().len(), 1);
}

async fn what_ends_no_more_is_not_mailed(base: Base) {
    let server = MailServer::start();
    let (mut site, reminder) = site(&base).await;
    let mut reminders = site.reminders(&server.config());
    server.mood("data 451");
    reminders.step(nine(7)).await.unwrap();

    site.now = nine(7);
    site.license(reminder.group, 50, Some(END), None).await;
    site.publish().await;
    server.mood("");
    let renewed = reminders.step(at(2, nine(7))).await.unwrap();

    assert_eq!(renewed.skipped, 1);
    assert_eq!(days(&site.queue().await), [("2024-11-24", "skipped")]);
    assert_eq!(server.mails().len(), 0);
}

async fn an_end_that_came_closes_what_waits(base: Base) {
    let server = MailServer::start();
    let (site, _) = site(&base).await;
    let mut reminders = site.reminders(&server.config());
    server.mood("data 451");
    reminders.step(nine(1)).await.unwrap();
    server.mood("");

    reminders.step(END).await.unwrap();

    assert_eq!(days(&site.queue().await), [("2024-11-30", "failed")]);
    assert_eq!(server.mails().len(), 0);
}

async fn a_clock_that_is_set_back_sends_nothing_twice(base: Base) {
    let server = MailServer::start();
    let (site, _) = site(&base).await;
    let mut reminders = site.reminders(&server.config());

    // Nine in the morning of the 24th, then a day ahead by mistake, then right again.
    for now in [nine(7), nine(5), at(1, nine(7)), nine(6), at(-1, nine(6)), nine(5), at(5, nine(5))]
    {
        reminders.step(now).await.unwrap();
        site.reminders(&server.config()).step(now).await.unwrap();
    }

    let mut queue = site.queue().await;
    queue.sort();
    assert_eq!(
        days(&queue),
        [("2024-11-24", "sent"), ("2024-11-25", "sent"), ("2024-11-26", "sent")]
    );
    assert_eq!(server.mails().len(), 3);
}

async fn administrators_partners_and_users_are_told_each_what_is_theirs(base: Base) {
    let server = MailServer::start();
    let (site, reminder) = site(&base).await;
    let flat = site.group("Flat 12", reminder.group, Tz::Europe__Madrid, true).await;
    site.license(flat, 7, None, None).await;
    let dealer = site.user("dora", "Dora@Example.COM", reminder.group).await;
    site.user("anna", "anna@example.com", flat).await;
    let role = format!(
        "insert into roles (user_id, role, group_id) values ({}, 'site_administrator', {})",
        dealer.0, reminder.group.0
    );
    base.hand().await.run(&role).await;
    let below = Reminder { group: flat, users: true, also: vec!["p@q.com".into()], ..reminder };
    site.remind(&below).await;
    site.publish().await;

    site.reminders(&server.config()).step(nine(7)).await.unwrap();

    let mails = server.mails();
    let mail = |to: &str, about: &str| {
        let mut found =
            mails.iter().filter(|mail| mail.to == to && mail.subject.starts_with(about));
        found.next().unwrap_or_else(|| panic!("{to}: {:?}", server.told())).raw.clone()
    };
    assert_eq!(mails.len(), 5);
    assert!(mail("Dora@example.com", "Home").contains("50 before, 0 after"));
    assert!(mail("Dora@example.com", "Flat 12").contains("licenses of Home end"));
    let partner = mail("p@q.com", "Flat 12");
    assert!(partner.contains("licenses of a group above end"), "{partner}");
    assert!(!partner.contains("Home") && !partner.contains("50"), "{partner}");
    let user = mail("anna@example.com", "Flat 12");
    assert!(!user.contains("Home") && !user.contains("before, "), "{user}");
}

async fn a_template_that_fails_gives_way_to_the_built_in_one(base: Base) {
    let server = MailServer::start();
    let (site, _) = site(&base).await;
    let template = |subject: &str| TemplateRow {
        subject: subject.into(),
        text: "{{ group }}".into(),
        html: "<p>{{ group }}</p>".into(),
    };
    let set = |template: TemplateRow| async move {
        site.store.set_template("license_ending", Some(&template), site.terms()).await.unwrap();
        site
    };
    let site = set(template("{{ days_left }} days, {{ path }}")).await;
    site.reminders(&server.config()).step(nine(7)).await.unwrap();

    let broken = template("{{ no_such_thing }}");
    site.store.set_template("license_ending", Some(&broken), site.terms()).await.unwrap();
    site.reminders(&server.config()).step(nine(6)).await.unwrap();

    let subjects: Vec<_> = server.mails().into_iter().map(|mail| mail.subject).collect();
    assert_eq!(subjects, ["7 days, Home", "Home: licenses end on 30 November 2024 (6 days left)"]);
}

async fn names_are_neither_headers_nor_markup_nor_templates(base: Base) {
    let server = MailServer::start();
    let (site, reminder) = site(&base).await;
    let name = "{{7*7}} <script>alert(1)<|script> '; drop table mails; --";
    let (group, _) = site.gate(name, Tz::UTC, 5, END).await;
    site.remind(&Reminder { group, ..reminder.clone() }).await;
    // What no command lets in, by hand and with what keeps it out taken away.
    let mut hand = base.hand().await;
    let sly = "update reminders set also = 'a@b.com>,<c@d.com x@y.com' where group_id = ";
    hand.run(&format!("{sly}{}", reminder.group.0)).await;
    site.publish().await;

    site.reminders(&server.config()).step(nine(7)).await.unwrap();

    let queue = site.queue().await;
    let state = |to: &str| queue.iter().find(|row| row.1 == to).map(|row| row.2);
    assert_eq!(state("a@b.com>,<c@d.com"), Some("failed"));
    assert_eq!(state("x@y.com"), Some("sent"));
    let mails = server.mails();
    let sly = mails.iter().find(|mail| mail.to == "p@example.com").unwrap();
    let (text, page) = sly.raw.split_once("text/html").unwrap();
    assert!(text.contains("Licenses of {{7*7}} <script>"), "{text}");
    assert!(page.contains("{{7*7}} &lt;script&gt;") && !page.contains("<script"), "{page}");
}

/// A certificate for localhost, made for this test.
fn certificate(folder: &Path) -> (String, String) {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{made:?}");
    (cert.display().to_string(), key.display().to_string())
}

#[tokio::test]
async fn it_signs_in_over_starttls_and_trusts_no_stranger() {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = certificate(folder.path());
    let server = MailServer::with(&["--tls", &cert, &key, "--auth", "anna", "se:cr@et"]);
    let base = Base::sqlite();
    let (site, _) = site(&base).await;
    let keys = |password: &str, trust: &str| {
        config(&format!(
            "smtp = \"smtp://anna:{password}@localhost:{}\"\nstarttls = true\n{trust}",
            server.port
        ))
    };
    let trust = format!("ca_file = \"{cert}\"");

    let stranger = site.reminders(&keys("se%3Acr%40et", "")).step(nine(7)).await.unwrap();
    let wrong = site.reminders(&keys("wrong", &trust)).step(at(1, nine(7))).await.unwrap();
    assert_eq!((stranger.sent, stranger.failed, wrong.sent, wrong.failed), (0, 0, 0, 0));
    assert_eq!(days(&site.queue().await), [("2024-11-24", "queued")]);
    let right = site.reminders(&keys("se%3Acr%40et", &trust)).step(at(9, nine(7))).await.unwrap();

    assert_eq!(right.sent, 1, "{:?}", site.store.mails(None, None, None, 1).await.unwrap());
    assert_eq!(server.told(), ["p@example.com"]);
}

#[tokio::test]
async fn where_encryption_is_asked_for_nothing_leaves_in_the_clear() {
    let server = MailServer::start();
    let base = Base::sqlite();
    let (site, _) = site(&base).await;
    let keys = format!("smtp = \"smtp://127.0.0.1:{}?tls=required\"", server.port);

    let step = site.reminders(&config(&keys)).step(nine(7)).await.unwrap();

    assert_eq!(step.sent, 0);
    let mails = site.store.mails(None, None, None, 1).await.unwrap();
    assert!(mails[0].error.as_deref().unwrap().contains("STARTTLS"), "{:?}", mails[0].error);
}
