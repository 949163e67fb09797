//! `claim …`

use std::net::IpAddr;

use serde::Serialize;

use crate::license::{Claim, ClaimId, ClaimRule, GroupId, Holder, NumberKind, Tree, World};

use super::args::ClaimCommand;
use super::desk::{Desk, Shown};
use super::failure::Failure;
use super::group::group_at;
use super::number::foreign_domain;
use super::paint::table;
use super::range::Digits;

#[derive(Serialize)]
struct ClaimRow {
    id: i64,
    group: String,
    domain: Option<String>,
    range: Option<String>,
    address: Option<String>,
    kind: &'static str,
}

/// Does what was asked.
pub async fn run(desk: &Desk, command: ClaimCommand) -> Result<Shown, Failure> {
    match command {
        ClaimCommand::Add { path, domain, range, address, kind } => {
            let group = group_at(&desk.tree().await?, &path)?;
            let rule = rule(desk, domain, range, address)?;
            let claim = Claim { id: ClaimId(0), group, rule, kind };
            add(desk, claim).await
        }
        ClaimCommand::Edit { id, kind } => edit(desk, ClaimId(id), kind).await,
        ClaimCommand::Remove { id } => {
            let shown = stored(desk, ClaimId(id), "removed").await?;
            let usage = desk.usage().await?;
            let terms = desk.terms(&usage);
            let warnings = desk.store.remove_claim(ClaimId(id), terms).await?;
            Ok(shown.with_warnings(&warnings))
        }
        ClaimCommand::Show { id } => stored(desk, ClaimId(id), "").await,
        ClaimCommand::List { path } => {
            let world = desk.world().await?;
            let top = path.map(|path| group_at(&world.tree, &path)).transpose()?;
            list_of(&world, top)
        }
    }
}

fn rule(
    desk: &Desk,
    domain: Option<String>,
    range: Option<Digits>,
    address: Option<IpAddr>,
) -> Result<ClaimRule, Failure> {
    let rule = match (domain, range, address) {
        (None, _, Some(address)) => ClaimRule::Address { address: address.to_canonical() },
        (Some(domain), None, _) => ClaimRule::Domain { domain: domain_named(desk, &domain) },
        (Some(domain), Some(Digits { first, last }), _) => {
            ClaimRule::Range { domain: domain_named(desk, &domain), first, last }
        }
        (None, _, None) => return Err(Failure::new("a claim covers a domain or an address")),
    };
    match rule.fault() {
        Some(fault) => Err(Failure::new(fault)),
        None => Ok(rule),
    }
}

/// The domain that an alias means, in lower case.
fn domain_named(desk: &Desk, host: &str) -> String {
    match desk.config.domain_of(host) {
        Some(domain) => domain.name.clone(),
        None => host.trim_end_matches('.').to_ascii_lowercase(),
    }
}

async fn add(desk: &Desk, claim: Claim) -> Result<Shown, Failure> {
    let usage = desk.usage().await?;
    let note = match &claim.rule {
        ClaimRule::Domain { domain } | ClaimRule::Range { domain, .. } => {
            foreign_domain(desk, &format!("@{domain}"))
        }
        ClaimRule::Address { .. } => None,
    };
    let written = desk.store.add_claim(claim, desk.terms(&usage)).await?;
    let shown = stored(desk, written.id, "added").await?.with_warnings(&written.warnings);
    Ok(shown.with_remark(note))
}

async fn edit(desk: &Desk, id: ClaimId, kind: NumberKind) -> Result<Shown, Failure> {
    let usage = desk.usage().await?;
    let terms = desk.terms(&usage);
    let written = desk.store.edit_claim(id, |claim| claim.kind = kind, terms).await?;
    Ok(stored(desk, id, "changed").await?.with_warnings(&written.warnings))
}

async fn stored(desk: &Desk, id: ClaimId, done: &str) -> Result<Shown, Failure> {
    let found = desk.store.claims(&[id]).await?;
    let claim = found.first().ok_or_else(|| Failure::new(format!("there is no claim {id}")))?;
    let row = row(&desk.tree().await?, claim);
    let done = if done.is_empty() { String::new() } else { format!(" {done}") };
    let text = format!("claim {id}{done}: {} of {}, {}", claim.rule, row.group, row.kind);
    Shown::new(row, text)
}

fn row(tree: &Tree, claim: &Claim) -> ClaimRow {
    let (domain, range, address) = match &claim.rule {
        ClaimRule::Domain { domain } => (Some(domain.clone()), None, None),
        ClaimRule::Range { domain, first, last } => {
            (Some(domain.clone()), Some(format!("{first}-{last}")), None)
        }
        ClaimRule::Address { address } => (None, None, Some(address.to_string())),
    };
    let group = tree.path_name(claim.group);
    ClaimRow { id: claim.id.0, group, domain, range, address, kind: claim.kind.name() }
}

/// The claims of a group and all below it, or all; by id.
pub fn list_of(world: &World, top: Option<GroupId>) -> Result<Shown, Failure> {
    let tree = &world.tree;
    let is_meant = |claim: &&Claim| {
        top.is_none_or(|top| tree.ancestry(Holder::Group(claim.group)).contains(&top))
    };
    let mut claims: Vec<&Claim> = world.directory.claims().filter(is_meant).collect();
    claims.sort_unstable_by_key(|claim| claim.id);
    let rows: Vec<ClaimRow> = claims.iter().map(|claim| row(tree, claim)).collect();
    let mut drawn = table(["ID", "Group", "Covers", "Kind"]);
    for (row, claim) in rows.iter().zip(&claims) {
        drawn.add_row([
            row.id.to_string(),
            row.group.clone(),
            claim.rule.to_string(),
            row.kind.to_owned(),
        ]);
    }
    let text = if rows.is_empty() { "no claims".to_owned() } else { drawn.to_string() };
    Shown::new(rows, text)
}
