//! Templates of mails that somebody changed; the built-in ones are not here.

use crate::license::Denial;

use crate::store::sql::sql;
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
        let row = sql("select subject, text, html from mail_templates where event = ?").bind(event);
        let row: Option<(String, String, String)> = row.optional(&mut self.conn().await?).await?;
        Ok(row.map(|(subject, text, html)| TemplateRow { subject, text, html }))
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
        writing.commit().await?;
        Ok(())
    }
}
