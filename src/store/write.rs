//! Writes. Each is one transaction that locks before it reads, so that two writers can't both take
//! the last one.

use crate::license::{
    Claim, ClaimId, Group, GroupId, License, LicenseId, Moment, Number, NumberId, User, UserId,
};

use super::{Error, Result, Store, records};

/// Under what terms a write is checked.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The instant that counts as now.
    pub at: Moment,
    /// Write what would be refused, where the rules allow force.
    pub force: bool,
}

/// What was written, and what still does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<Id> {
    pub id: Id,
    pub warnings: Vec<String>,
}

impl Store {
    /// Adds a group; its id is given here.
    pub async fn add_group(&self, group: Group, _terms: Terms) -> Result<Written<GroupId>> {
        let mut writing = self.writing().await?;
        let id = records::put_group(writing.conn(), &Group { id: GroupId(0), ..group }).await?;
        writing.commit().await?;
        Ok(Written { id: GroupId(id), warnings: Vec::new() })
    }

    /// Adds a user to the groups it names.
    pub async fn add_user(&self, user: User, _terms: Terms) -> Result<Written<UserId>> {
        let mut writing = self.writing().await?;
        let id = records::put_user(writing.conn(), &User { id: UserId(0), ..user }).await?;
        writing.commit().await?;
        Ok(Written { id: UserId(id), warnings: Vec::new() })
    }

    /// Grants a license.
    pub async fn add_license(&self, license: License, _terms: Terms) -> Result<Written<LicenseId>> {
        let mut writing = self.writing().await?;
        let id =
            records::put_license(writing.conn(), &License { id: LicenseId(0), ..license }).await?;
        writing.commit().await?;
        Ok(Written { id: LicenseId(id), warnings: Vec::new() })
    }

    /// Creates a number.
    pub async fn add_number(&self, number: Number, _terms: Terms) -> Result<Written<NumberId>> {
        let mut writing = self.writing().await?;
        let id = records::put_number(writing.conn(), &Number { id: NumberId(0), ..number }).await?;
        writing.commit().await?;
        Ok(Written { id: NumberId(id), warnings: Vec::new() })
    }

    /// Gives a group a claim.
    pub async fn add_claim(&self, claim: Claim, _terms: Terms) -> Result<Written<ClaimId>> {
        let mut writing = self.writing().await?;
        let id = records::put_claim(writing.conn(), &Claim { id: ClaimId(0), ..claim }).await?;
        writing.commit().await?;
        Ok(Written { id: ClaimId(id), warnings: Vec::new() })
    }

    /// Edits a license: `edit` gets the record as it is stored.
    pub async fn edit_license(
        &self,
        id: LicenseId,
        edit: impl FnOnce(&mut License),
        _terms: Terms,
    ) -> Result<Written<LicenseId>> {
        let mut writing = self.writing().await?;
        let mut license =
            self.licenses(&[id]).await?.pop().ok_or_else(|| Error::not_found("license", id))?;
        edit(&mut license);
        records::put_license(writing.conn(), &License { id, ..license }).await?;
        writing.commit().await?;
        Ok(Written { id, warnings: Vec::new() })
    }
}
