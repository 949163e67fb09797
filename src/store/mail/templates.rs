//! Templates of mails that somebody changed; the built-in ones are not here.

use serde_json::json;

use crate::license::{Denial, SERVER};
use crate::store::audit::{self, Entry};
use crate::store::sql::{Conn, sql};
use crate::store::{Result, Store, Terms};

/// A template as it was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateRow {
    pub subject: String,
    pub text: String,
    pub html: String,
}

impl Store {
    /// The changed template of an event; `None` where the built-in one holds.
    pub async fn template(&self, event: &str) -> Result<Option<TemplateRow>> {
        read(&mut self.conn().await?, event).await
    }

    /// Changes the template of an event, or goes back to the built-in one. Whether it can be rendered
    /// has been tried by the caller.
    pub async fn set_template(
        &self,
        event: &str,
        template: Option<&TemplateRow>,
        terms: Terms<'_>,
    ) -> Result<()> {
        if !terms.by.viewer.is_server() {
            return Err(Denial::Forbidden.into());
        }
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        let before = read(conn, event).await?;
        match template {
            Some(template) => {
                sql("insert into mail_templates (event, subject, text, html) values (?, ?, ?, ?)
                 on conflict (event) do update set subject = excluded.subject, text = excluded.text,
                 html = excluded.html")
                .bind(event)
                .bind(template.subject.as_str())
                .bind(template.text.as_str())
                .bind(template.html.as_str())
            }
            None => sql("delete from mail_templates where event = ?").bind(event),
        }
        .execute(conn)
        .await?;
        if before.as_ref() != template {
            let entry = entry(event, before.as_ref(), template);
            audit::record(conn, terms.made(), &[entry]).await?;
        }
        writing.commit().await?;
        Ok(())
    }
}

async fn read(conn: &mut Conn, event: &str) -> Result<Option<TemplateRow>> {
    let row = sql("select subject, text, html from mail_templates where event = ?").bind(event);
    let row: Option<(String, String, String)> = row.optional(conn).await?;
    Ok(row.map(|(subject, text, html)| TemplateRow { subject, text, html }))
}

/// Templates are the server's: whoever sees only a group below reads nothing of them.
fn entry(event: &str, before: Option<&TemplateRow>, after: Option<&TemplateRow>) -> Entry {
    let side = |template: &TemplateRow| json!({"subject": template.subject, "text": template.text, "html": template.html});
    let action = match (before, after) {
        (None, _) => "add",
        (Some(_), Some(_)) => "edit",
        (Some(_), None) => "remove",
    };
    let sides = (before.map(side), after.map(side));
    Entry::new(action, "mail_template", None, event, sides, vec![SERVER])
}
