//! A mail server, and a site whose licenses end, for tests that read the mails.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use admitd::config::{Config, Mail};
use admitd::license::{
    FeatureSet, Group, GroupId, HandOut, Holder, License, LicenseId, Moment, Reminder, SERVER,
    User, UserId, Validity, World,
};
use admitd::reminders::{Reminders, Worlds};
use admitd::store::{Store, Terms};
use arc_swap::ArcSwap;
use chrono::NaiveTime;
use chrono_tz::Tz;
use tokio_util::sync::CancellationToken;

use super::base::Base;

pub const DAY: i64 = 86_400;

/// aiosmtpd, see `server.py`; ends when dropped.
pub struct MailServer {
    child: Child,
    folder: tempfile::TempDir,
    pub port: u16,
}

/// A mail as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub to: String,
    pub subject: String,
    pub message_id: String,
    pub raw: String,
}

impl MailServer {
    pub fn start() -> Self {
        Self::with(&[])
    }

    pub fn with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("target/mail/bin/python");
        let mut child = Command::new(&python)
            .arg(root.join("tests/mail/server.py"))
            .arg(folder.path())
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|fault| panic!("{}: {fault}; tests/mail/install", python.display()));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().expect("the port of the mail server");
        Self { child, folder, port }
    }

    /// How mails fare from now on; empty: well.
    pub fn mood(&self, mood: &str) {
        let file = self.folder.path().join("mood");
        if mood.is_empty() {
            let _ = std::fs::remove_file(file);
        } else {
            std::fs::write(file, mood).unwrap();
        }
    }

    /// All mails, in order of arrival.
    pub fn mails(&self) -> Vec<Received> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|kind| kind == "eml"));
        files.sort();
        files.iter().map(|file| received(&std::fs::read_to_string(file).unwrap())).collect()
    }

    /// Who was mailed, in order.
    pub fn told(&self) -> Vec<String> {
        self.mails().into_iter().map(|mail| mail.to).collect()
    }

    /// As a config has it.
    pub fn config(&self) -> Mail {
        config(&format!("smtp = \"smtp://127.0.0.1:{}\"", self.port))
    }
}

/// `[mail]` with these keys.
pub fn config(keys: &str) -> Mail {
    let text = format!("[mail]\n{keys}\nfrom = \"Licenses <licenses@example.com>\"\n");
    let config = Config::parse(&text, Path::new("/etc/admitd/admitd.toml"));
    config.unwrap_or_else(|report| panic!("{report}")).mail.unwrap()
}

impl Drop for MailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn received(raw: &str) -> Received {
    let unfolded = raw.replace("\r\n ", " ");
    let header = |name: &str| {
        let lines = unfolded.lines().take_while(|line| !line.is_empty());
        let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        values.next().unwrap_or_else(|| panic!("no {name}: {raw}")).to_owned()
    };
    Received {
        to: header("X-Envelope-To"),
        subject: header("Subject"),
        message_id: header("Message-ID"),
        raw: raw.to_owned(),
    }
}

/// A database with groups, and the tree that daemons on it have at hand.
pub struct Site {
    pub store: Arc<Store>,
    pub world: Arc<ArcSwap<World>>,
    pub now: Moment,
}

impl Site {
    pub async fn new(base: &Base, now: Moment) -> Self {
        let store = Arc::new(Store::open(&base.url(), Path::new("")).await.unwrap());
        Self { store, world: Arc::default(), now }
    }

    /// A daemon's reminders on this database, which leave at nine.
    pub fn reminders(&self, mail: &Mail) -> Reminders {
        let world = Arc::clone(&self.world);
        let worlds: Worlds = Box::new(move || world.load_full());
        let nine = NaiveTime::from_hms_opt(9, 0, 0).unwrap();
        Reminders::new(
            Arc::clone(&self.store),
            worlds,
            mail.clone(),
            nine,
            CancellationToken::new(),
        )
    }

    pub fn terms(&self) -> Terms<'static> {
        Terms::at(self.now)
    }

    /// The daemons take over what was written.
    pub async fn publish(&self) {
        let tree = self.store.tree(Tz::UTC).await.unwrap().0;
        self.world.store(Arc::new(World { tree, ..World::default() }));
    }

    pub async fn group(&self, name: &str, parent: GroupId, zone: Tz, restricted: bool) -> GroupId {
        let group = Group {
            id: GroupId(0),
            parent: Some(parent),
            name: name.into(),
            kind: String::new(),
            restricted,
            hand_out: HandOut::Split,
            time_zone: Some(zone),
            monitor: false,
            admin_emails: Vec::new(),
        };
        self.store.add_group(group, self.terms()).await.unwrap().id
    }

    /// A restricted root group with one license.
    pub async fn gate(
        &self,
        name: &str,
        zone: Tz,
        sip: u32,
        until: Moment,
    ) -> (GroupId, LicenseId) {
        let group = self.group(name, SERVER, zone, true).await;
        (group, self.license(group, sip, None, Some(until)).await)
    }

    pub async fn license(
        &self,
        group: GroupId,
        sip: u32,
        from: Option<Moment>,
        until: Option<Moment>,
    ) -> LicenseId {
        let license = License {
            id: LicenseId(0),
            holder: Holder::Group(group),
            license_type: "Plus".into(),
            sip_numbers: sip,
            mobile_apps: 0,
            features: FeatureSet::NONE,
            validity: Validity { from, until },
            suspended: false,
        };
        self.store.add_license(license, self.terms()).await.unwrap().id
    }

    pub async fn user(&self, name: &str, email: &str, group: GroupId) -> UserId {
        let user = User {
            id: UserId(0),
            name: name.into(),
            email: Some(email.into()),
            groups: vec![group],
        };
        self.store.add_user(user, self.terms()).await.unwrap().id
    }

    pub async fn remind(&self, reminder: &Reminder) {
        self.store.set_reminder(reminder, self.terms()).await.unwrap();
    }

    /// What stands in the queue and what became of it: day, address, state; oldest first.
    pub async fn queue(&self) -> Vec<(String, String, &'static str)> {
        let mut mails = self.store.mails(None, None, None, 1_000_000).await.unwrap();
        mails.reverse();
        mails.into_iter().map(|mail| (mail.day, mail.address, mail.state.name())).collect()
    }
}
