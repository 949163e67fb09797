//! Mails before licenses end: which are due is planned from what stands on record, each becomes a row,
//! and the rows are sent. Time is an argument; the same step runs in the daemon and in a simulated year.

mod desk;
mod envelope;
mod letter;
mod plan;
mod post;
mod recipients;
mod smtp;
mod standing;
mod template;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::NaiveTime;
use tokio_util::sync::CancellationToken;

use crate::config;
use crate::license::{GroupId, Moment, Reminder, World};
use crate::store::{NewMails, Result, Store};

use plan::{DueDay, Plan, plan};
use post::{Post, Round};

pub use desk::{TestFault, preview, send_test, set_template, template};
pub use letter::Variables;
pub use recipients::{Recipient, Sees};

use recipients::recipients;
pub use standing::{MailShape, Standing, UpcomingMail, mail_shape, standing};
pub use template::{Event, Rendered, TemplateFault, check};

/// How often records and queue are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Looking takes no more than one part in so many of the time.
const SHARE: u32 = 20;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How long a failing store is left alone.
const RETRY: Duration = Duration::from_secs(5);
/// Days that are written together.
const DAYS_AT_ONCE: usize = 100;
/// How often it is asked whether there is somebody to mail, where there was nobody.
const NOBODY_SECS: i64 = 60;

/// Where the records are that a plan is made from.
pub type Worlds = Box<dyn Fn() -> Arc<World> + Send + Sync>;

/// The reminders of one daemon.
pub struct Reminders {
    store: Arc<Store>,
    worlds: Worlds,
    clock: NaiveTime,
    post: Post,
    stop: CancellationToken,
    planned: Option<Planned>,
    /// Days that have their mails: not asked again.
    dealt_with: HashSet<DueDay>,
    /// Days for which there was nobody to mail, and when to ask again.
    nobody: HashMap<DueDay, Moment>,
    away_until: Option<Moment>,
    /// How long the last look took.
    took: Duration,
}

/// What the last plan was made from.
struct Planned {
    world: Arc<World>,
    reminders: Vec<Reminder>,
    at: Moment,
    plan: Plan,
}

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Mails that came into the queue.
    pub made: u64,
    pub sent: u64,
    pub failed: u64,
    pub skipped: u64,
    /// When something is to be done next, as far as is known.
    pub wake: Option<Moment>,
}

impl Reminders {
    /// Mails leave at `clock` in each group's zone, by the server that `mail` names, and none is begun
    /// after `stop`.
    pub fn new(
        store: Arc<Store>,
        worlds: Worlds,
        mail: config::Mail,
        clock: NaiveTime,
        stop: CancellationToken,
    ) -> Self {
        let post = Post::new(Arc::clone(&store), mail, stop.clone());
        Self {
            store,
            worlds,
            clock,
            post,
            stop,
            planned: None,
            dealt_with: HashSet::new(),
            nobody: HashMap::new(),
            away_until: None,
            took: Duration::ZERO,
        }
    }

    /// Does all that is due at `now`.
    pub async fn step(&mut self, now: Moment) -> Result<Step> {
        let began = Instant::now();
        let due = self.look(now).await?;
        self.took = began.elapsed();
        let made = self.make(due, now).await?;
        let round = self.send(now).await?;
        let Round { sent, failed, skipped, .. } = round;
        let planned = self.planned.as_ref().and_then(|planned| planned.plan.next);
        let queued = self.store.next_mail().await?.map(|at| at.max(self.away_until.unwrap_or(at)));
        let wake = [planned, queued, self.nobody.values().min().copied()];
        Ok(Step { made, sent, failed, skipped, wake: wake.into_iter().flatten().min() })
    }

    /// Plans anew where anything has changed that a plan depends on; gives what is not dealt with yet.
    async fn look(&mut self, now: Moment) -> Result<Vec<DueDay>> {
        let world = (self.worlds)();
        let reminders = self.store.reminders().await?;
        let stands = self.planned.as_ref().is_some_and(|planned| {
            Arc::ptr_eq(&planned.world, &world)
                && planned.reminders == reminders
                && planned.at <= now
                && planned.plan.next.is_none_or(|next| now < next)
        });
        if !stands {
            let plan = plan(&world.tree, &reminders, self.clock, now);
            self.dealt_with.retain(|day| plan.due.contains(day));
            self.nobody.retain(|day, _| plan.due.contains(day));
            self.planned = Some(Planned { world, reminders, at: now, plan });
        }
        let due = self.planned.iter().flat_map(|planned| &planned.plan.due);
        let open = due.filter(|day| {
            !self.dealt_with.contains(day) && self.nobody.get(day).is_none_or(|at| *at <= now)
        });
        Ok(open.copied().collect())
    }

    /// Makes the mails of days that have none.
    async fn make(&mut self, due: Vec<DueDay>, now: Moment) -> Result<u64> {
        let mut made = 0;
        for days in due.chunks(DAYS_AT_ONCE) {
            let mut new = Vec::new();
            for day in days {
                let mails = self.mails_of(day).await?;
                if self.store.has_mails(&mails, now).await? {
                    self.dealt_with.insert(*day);
                } else if mails.addresses.is_empty() {
                    let seen = self.nobody.insert(*day, Moment(now.0 + NOBODY_SECS));
                    if seen.is_none() {
                        let group = day.series.group;
                        tracing::warn!(%group, "a reminder is due, and nobody has an address");
                    }
                } else {
                    new.push((*day, mails));
                }
            }
            let (days, mails): (Vec<_>, Vec<_>) = new.into_iter().unzip();
            if !mails.is_empty() {
                made += self.store.make_mails(&mails, now).await?;
            }
            self.dealt_with.extend(days);
        }
        Ok(made)
    }

    async fn mails_of(&self, day: &DueDay) -> Result<NewMails> {
        let DueDay { series, day, due_at } = *day;
        let people = self.people(series.group).await?;
        let addresses = people.into_iter().map(|one| one.address).collect();
        Ok(NewMails { series, day, due_at, addresses })
    }

    async fn people(&self, group: GroupId) -> Result<Vec<Recipient>> {
        let Some(planned) = &self.planned else { return Ok(Vec::new()) };
        let tree = &planned.world.tree;
        let reminder = planned.reminders.iter().find(|reminder| reminder.group == group);
        let Some(reminder) = reminder else { return Ok(Vec::new()) };
        let groups: Vec<_> = tree.lineage(group).map(|group| group.id).collect();
        let administrators = self.store.administrators(&groups).await?;
        Ok(recipients(tree, reminder, &administrators))
    }

    async fn send(&mut self, now: Moment) -> Result<Round> {
        // A server that is away is asked again when its time has come, or the clock was set back.
        let waits = self.away_until.is_some_and(|until| now < until && until.0 - now.0 < 8 * 3_600);
        if waits {
            return Ok(Round::default());
        }
        let round = self.post.send_due(&*self.worlds, now).await?;
        self.away_until = round.away_until;
        Ok(round)
    }
}

impl Reminders {
    /// Does what is due until it is to stop; a mail that is on its way then is finished. `now` reads
    /// the clock.
    pub async fn run(mut self, now: impl Fn() -> Moment) {
        let mut is_away = false;
        while !self.stop.is_cancelled() {
            let pause = match self.step(now()).await {
                Ok(_) => {
                    if std::mem::take(&mut is_away) {
                        tracing::info!("reminders: the store answers again");
                    }
                    (self.took * SHARE).clamp(LOOK, LONGEST_PAUSE)
                }
                Err(fault) => {
                    if !std::mem::replace(&mut is_away, true) {
                        tracing::error!(%fault, "reminders: the store does not answer");
                    }
                    RETRY
                }
            };
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }
}
