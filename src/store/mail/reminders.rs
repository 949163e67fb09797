//! Reminders: set and switched off by whoever administers the group, its own administrators included.

use serde_json::json;

use crate::license::wording::email_fault;
use crate::license::{GroupId, Holder, LONGEST_AHEAD, Reminder, Role, Tree, UserId};
use crate::store::audit::{self, Entry};
use crate::store::sql::{Conn, sql};
use crate::store::{Error, Result, Store, Terms, tree};

/// Partners of one group, at most.
const MOST_ALSO: usize = 50;

type Row = (i64, i64, String, String, bool, bool);

const COLUMNS: &str = "select group_id, days, every, also, users, enabled from reminders";

impl Store {
    /// Every reminder that is on.
    pub async fn reminders(&self) -> Result<Vec<Reminder>> {
        let rows = sql(format!("{COLUMNS} where enabled order by group_id"));
        let rows: Vec<Row> = rows.all(&mut self.conn().await?).await?;
        Ok(rows.into_iter().filter_map(reminder).collect())
    }

    /// The reminder of one group, on or off.
    pub async fn reminder(&self, group: GroupId) -> Result<Option<Reminder>> {
        read(&mut self.conn().await?, group).await
    }

    /// Sets a group's reminder.
    pub async fn set_reminder(&self, reminder: &Reminder, terms: Terms<'_>) -> Result<()> {
        check_reminder(reminder)?;
        self.change_reminder(reminder.group, terms, |_| Ok(reminder.clone())).await
    }

    /// Switches a group's reminder off; what it says is kept.
    pub async fn switch_reminder_off(&self, group: GroupId, terms: Terms<'_>) -> Result<()> {
        let off = |old: Option<Reminder>| match old {
            Some(old) => Ok(Reminder { enabled: false, ..old }),
            None => Err(Error::NotFound("this group has no reminder".into())),
        };
        self.change_reminder(group, terms, off).await
    }

    /// The one place where reminders are written.
    async fn change_reminder(
        &self,
        group: GroupId,
        terms: Terms<'_>,
        change: impl FnOnce(Option<Reminder>) -> Result<Reminder>,
    ) -> Result<()> {
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        let tree = administered(self, conn, group, terms).await?;
        let before = read(conn, group).await?;
        let after = change(before.clone())?;
        if before.as_ref() != Some(&after) {
            write(conn, &after).await?;
            let entry = entry(&tree, before.as_ref(), &after);
            audit::record(conn, terms.made(), &[entry]).await?;
        }
        writing.commit().await?;
        Ok(())
    }

    /// Who is what in which of these groups: the roles that make an administrator.
    pub async fn administrators(&self, groups: &[GroupId]) -> Result<Vec<(GroupId, Role, UserId)>> {
        let mut asked = sql("select group_id, role, user_id from roles where group_id in ");
        asked.push_list(groups.iter().map(|group| group.0)).push(" order by group_id, user_id");
        let rows: Vec<(i64, String, i64)> = asked.all(&mut self.conn().await?).await?;
        let row = |(group, role, user): (i64, String, i64)| {
            Some((GroupId(group), role.parse().ok()?, UserId(user)))
        };
        let administers =
            |(_, role, _): &(GroupId, Role, UserId)| !matches!(role, Role::Concierge | Role::User);
        Ok(rows.into_iter().filter_map(row).filter(administers).collect())
    }
}

/// The tree, for whoever administers the group: its own administrators may change its reminder.
async fn administered(
    store: &Store,
    conn: &mut Conn,
    group: GroupId,
    terms: Terms<'_>,
) -> Result<Tree> {
    let tree = tree::current(store, conn).await?;
    terms.by.viewer.may_set_reminder(&tree, group)?;
    if !tree.contains(Holder::Group(group)) {
        return Err(Error::not_found("group", group));
    }
    Ok(tree)
}

fn entry(tree: &Tree, before: Option<&Reminder>, after: &Reminder) -> Entry {
    let holder = Holder::Group(after.group);
    let side = |reminder: &Reminder| {
        json!({
            "group": audit::reference(tree, holder),
            "enabled": reminder.enabled,
            "days": reminder.days,
            "every": reminder.every.name(),
            "also": reminder.also,
            "users": reminder.users,
        })
    };
    let name = tree.group(after.group).map(|group| group.name.clone()).unwrap_or_default();
    let action = if before.is_some() { "edit" } else { "add" };
    let sides = (before.map(side), Some(side(after)));
    Entry::new(action, "reminder", after.group.0, name, sides, tree.ancestry(holder))
}

async fn read(conn: &mut Conn, group: GroupId) -> Result<Option<Reminder>> {
    let row = sql(format!("{COLUMNS} where group_id = ?")).bind(group.0);
    Ok(row.optional::<Row>(conn).await?.and_then(reminder))
}

async fn write(conn: &mut Conn, reminder: &Reminder) -> Result<()> {
    sql(
        "insert into reminders (group_id, days, every, also, users, enabled) values (?, ?, ?, ?, ?, ?)
         on conflict (group_id) do update set days = excluded.days, every = excluded.every,
         also = excluded.also, users = excluded.users, enabled = excluded.enabled",
    )
    .bind(reminder.group.0)
    .bind(i64::from(reminder.days))
    .bind(reminder.every.name())
    .bind(reminder.also.join(" "))
    .bind(reminder.users)
    .bind(reminder.enabled)
    .execute(conn)
    .await?;
    Ok(())
}

/// What the checks of the table let through can be read; a row that cannot is none.
fn reminder((group, days, every, also, users, enabled): Row) -> Option<Reminder> {
    Some(Reminder {
        group: GroupId(group),
        days: u32::try_from(days).ok()?,
        every: every.parse().ok()?,
        also: also.split_whitespace().map(str::to_owned).collect(),
        users,
        enabled,
    })
}

fn check_reminder(reminder: &Reminder) -> Result<()> {
    if !(1..=LONGEST_AHEAD).contains(&reminder.days) {
        return Err(Error::Invalid(format!("days must be from 1 to {LONGEST_AHEAD}")));
    }
    if reminder.also.len() > MOST_ALSO {
        return Err(Error::Invalid(format!("at most {MOST_ALSO} further addresses")));
    }
    let fault = reminder.also.iter().find_map(|address| Some((address, email_fault(address)?)));
    match fault {
        Some((address, fault)) => {
            Err(Error::Invalid(format!("{address:?} is no mail address: {fault}")))
        }
        None => Ok(()),
    }
}
