//! The running daemon on it: how long it takes to start, to answer and to bring a grant to the wire.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::base::Base;
use super::scene::{Daemon, Phone};
use super::site::Site;
use super::{resident, say};

/// How often each question is asked.
const TIMES: usize = 100;

/// A daemon and who asks it.
pub struct Measure {
    daemon: Daemon,
    http: reqwest::Client,
    token: String,
}

impl Measure {
    /// Starts the daemon, and says how long that took.
    pub fn start(base: &Base) -> Self {
        let mut daemon = Daemon::prepare("");
        let config = fs::read_to_string(daemon.config()).expect("the config");
        let url = base.url();
        let config = config.replace("sqlite:admitd.db", &url);
        fs::write(daemon.config(), config).expect("the config is written");
        let token = daemon.ask(&["token", "add", "sizes", "--role", "server_administrator"]);
        let token = token["token"].as_str().expect("a token").to_owned();
        let began = Instant::now();
        daemon.run();
        say(&format!("  {:<44}{:>10.2} s", "start until ready", began.elapsed().as_secs_f64()));
        say(&format!("  {:<44}{:>10} MiB", "resident", resident(daemon.pid()) / 1024));
        // Already there: the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { daemon, http: reqwest::Client::new(), token }
    }

    /// Every question.
    pub async fn all(&mut self, site: &Site) {
        let wide = site.levels[6].clone();
        self.times("list the children of a group (100 a page)", &wide, |id| {
            format!("/groups?parent={id}&limit=100")
        })
        .await;
        for (depth, level) in site.levels.iter().enumerate().filter(|(depth, _)| depth % 3 == 0) {
            let what = format!("license state of a group on level {}", depth + 1);
            self.times(&what, level, |id| format!("/groups/{id}/state")).await;
        }
        let lowest = site.levels[7].clone();
        self.times("the numbers of a user", &lowest, |id| format!("/numbers?user={id}")).await;
        self.grants(&lowest).await;
        self.reaches_the_wire(lowest[0]).await;
    }

    async fn times(&self, what: &str, ids: &[i64], path: impl Fn(i64) -> String) {
        let mut took = Vec::new();
        for id in spread(ids) {
            let began = Instant::now();
            self.get(&path(id)).await;
            took.push(began.elapsed());
        }
        tell(what, took);
    }

    /// A license for a group more, one after the other.
    async fn grants(&self, ids: &[i64]) {
        let mut took = Vec::new();
        for id in spread(ids) {
            let began = Instant::now();
            self.grant(json!({"group": id, "sip_numbers": 1})).await;
            took.push(began.elapsed());
        }
        tell("grant a license, until it is in force", took);
    }

    /// From a grant to the first phone that gets in by it.
    async fn reaches_the_wire(&self, group: i64) {
        self.suspend_all(group).await;
        let mut took = Vec::new();
        for round in 0..10 {
            let mut phone = Phone::udp(self.daemon.udp, "1000000");
            assert_eq!(phone.register(60).status(), 403, "round {round}");
            let began = Instant::now();
            let license = self.grant(json!({"group": group, "sip_numbers": 1})).await;
            while phone.register(60).status() != 200 {
                assert!(began.elapsed() < Duration::from_secs(10), "it gets in");
            }
            took.push(began.elapsed());
            self.delete(&format!("/licenses/{}?force=true", license["id"])).await;
        }
        tell("from a grant to the first 200 on the wire", took);
    }

    async fn suspend_all(&self, group: i64) {
        let licenses = self.get(&format!("/licenses?group={group}")).await;
        for license in licenses["items"].as_array().expect("a list") {
            self.post(&format!("/licenses/{}/suspend", license["id"]), json!({})).await;
        }
    }

    async fn grant(&self, license: Value) -> Value {
        self.post("/licenses", license).await
    }

    async fn get(&self, path: &str) -> Value {
        let asked = self.http.get(self.url(path)).bearer_auth(&self.token).send();
        read(path, asked.await.expect("an answer")).await
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let asked = self.http.post(self.url(path)).bearer_auth(&self.token);
        let asked = asked.header("content-type", "application/json").body(body.to_string());
        read(path, asked.send().await.expect("an answer")).await
    }

    async fn delete(&self, path: &str) -> Value {
        let asked = self.http.delete(self.url(path)).bearer_auth(&self.token).send();
        read(path, asked.await.expect("an answer")).await
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/api/v1{path}", self.daemon.admin)
    }
}

async fn read(path: &str, answer: reqwest::Response) -> Value {
    let status = answer.status();
    let body = answer.text().await.expect("a body");
    assert!(status.is_success(), "{path}: {status} {body}");
    serde_json::from_str(&body).expect("JSON")
}

/// Some of them, from everywhere.
fn spread(ids: &[i64]) -> impl Iterator<Item = i64> {
    (0..TIMES).map(|at| ids[at * ids.len() / TIMES])
}

fn tell(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let ms = |share: usize| took[(took.len() - 1) * share / 100].as_secs_f64() * 1000.0;
    say(&format!("  {what:<44}{:>10.2} ms   p99 {:>8.2} ms", ms(50), ms(99)));
}
