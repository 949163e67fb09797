//! `license …`

use crate::license::{FeatureSet, Holder, License, LicenseId, Moment, Tree, Validity, World};
use crate::view::{self, LicenseRow};

use super::args::{FeatureArg, LicenseCommand, LicenseFlags};
use super::desk::{Desk, Shown};
use super::failure::Failure;
use super::group::group_at;
use super::paint::{or_dash, table};
use super::renew;
use super::time::When;

/// Does what was asked.
pub async fn run(desk: &Desk, command: LicenseCommand) -> Result<Shown, Failure> {
    match command {
        LicenseCommand::Add { path, user, sip, flags } => {
            let tree = desk.tree().await?;
            let holder = holder(&tree, path.as_deref(), user.as_deref())?;
            add(desk, &tree, holder, sip, flags).await
        }
        LicenseCommand::Edit { id, sip, flags } => edit(desk, LicenseId(id), sip, flags).await,
        LicenseCommand::Suspend { id } => {
            let usage = desk.usage().await?;
            let terms = desk.terms(&usage);
            let warnings = desk.store.suspend_license(LicenseId(id), terms).await?;
            let shown = stored(desk, LicenseId(id), "suspended").await?;
            Ok(shown.with_warnings(&warnings))
        }
        LicenseCommand::Resume { id } => {
            let usage = desk.usage().await?;
            let terms = desk.terms(&usage);
            let warnings = desk.store.resume_license(LicenseId(id), terms).await?;
            let shown = stored(desk, LicenseId(id), "resumed").await?;
            Ok(shown.with_warnings(&warnings))
        }
        LicenseCommand::Remove { id } => {
            let shown = stored(desk, LicenseId(id), "removed").await?;
            let usage = desk.usage().await?;
            let terms = desk.terms(&usage);
            let warnings = desk.store.remove_license(LicenseId(id), terms).await?;
            Ok(shown.with_warnings(&warnings))
        }
        LicenseCommand::Renew { id, below, ending_before, until, dry_run } => {
            let which = renew::Which { id, below, ending_before, until };
            renew::run(desk, which, dry_run).await
        }
        LicenseCommand::Show { id } => show(desk, LicenseId(id)).await,
        LicenseCommand::List { path } => {
            let tree = desk.tree().await?;
            let under = path.map(|path| view::find(&tree, &path)).transpose()?;
            list(desk, &tree, view::licenses(&tree, under, desk.now))
        }
    }
}

fn holder(tree: &Tree, path: Option<&str>, user: Option<&str>) -> Result<Holder, Failure> {
    match (path, user) {
        (_, Some(name)) => Ok(view::find(tree, &format!("user:{name}"))?),
        (Some(path), None) => Ok(Holder::Group(group_at(tree, path)?)),
        (None, None) => Err(Failure::new("a license is for a group or a user")),
    }
}

async fn add(
    desk: &Desk,
    tree: &Tree,
    holder: Holder,
    sip_numbers: u32,
    flags: LicenseFlags,
) -> Result<Shown, Failure> {
    let mut license = License {
        id: LicenseId(0),
        holder,
        license_type: String::new(),
        sip_numbers,
        mobile_apps: 0,
        features: FeatureSet::NONE,
        validity: Validity::default(),
        suspended: false,
    };
    Edit::of(flags, tree.zone_of_holder(holder), desk.now)?.apply(&mut license);
    let usage = desk.usage().await?;
    let written = desk.store.add_license(license, desk.terms(&usage)).await?;
    Ok(stored(desk, written.id, "added").await?.with_warnings(&written.warnings))
}

async fn edit(
    desk: &Desk,
    id: LicenseId,
    sip_numbers: Option<u32>,
    flags: LicenseFlags,
) -> Result<Shown, Failure> {
    let tree = desk.tree().await?;
    let holder = existing(&tree, id)?.holder;
    let edit = Edit::of(flags, tree.zone_of_holder(holder), desk.now)?;
    let change = |license: &mut License| {
        license.sip_numbers = sip_numbers.unwrap_or(license.sip_numbers);
        edit.apply(license);
    };
    let usage = desk.usage().await?;
    let written = desk.store.edit_license(id, change, desk.terms(&usage)).await?;
    Ok(stored(desk, id, "changed").await?.with_warnings(&written.warnings))
}

/// What flags say of a license, with instants resolved; what they don't name stays.
struct Edit {
    mobile_apps: Option<u32>,
    license_type: Option<String>,
    from: Option<Option<Moment>>,
    until: Option<Option<Moment>>,
    features: Option<FeatureSet>,
}

impl Edit {
    fn of(flags: LicenseFlags, zone: chrono_tz::Tz, now: Moment) -> Result<Self, Failure> {
        let resolve = |when: Option<When>| when.map(|when| when.resolve(zone, now)).transpose();
        let one = |arg: &FeatureArg| match arg {
            FeatureArg::One(feature) => Some(*feature),
            FeatureArg::None => None,
        };
        let features = flags.features.iter().filter_map(one).collect();
        Ok(Self {
            mobile_apps: flags.apps,
            license_type: flags.license_type,
            from: resolve(flags.from)?,
            until: resolve(flags.until)?,
            features: (!flags.features.is_empty()).then_some(features),
        })
    }

    fn apply(self, license: &mut License) {
        license.mobile_apps = self.mobile_apps.unwrap_or(license.mobile_apps);
        license.license_type =
            self.license_type.unwrap_or(std::mem::take(&mut license.license_type));
        license.validity.from = self.from.unwrap_or(license.validity.from);
        license.validity.until = self.until.unwrap_or(license.validity.until);
        license.features = self.features.unwrap_or(license.features);
    }
}

fn existing(tree: &Tree, id: LicenseId) -> Result<&License, Failure> {
    tree.license(id).ok_or_else(|| Failure::new(format!("there is no license {id}")))
}

/// The license as the database has it, said in one line.
async fn stored(desk: &Desk, id: LicenseId, done: &str) -> Result<Shown, Failure> {
    let tree = desk.tree().await?;
    let license = existing(&tree, id)?;
    let row = view::license(&tree, license, desk.now);
    let text = format!(
        "license {id} {done}: {} SIP, {} apps for {}, {}",
        row.sip_numbers,
        row.mobile_apps,
        row.holder,
        ends(&tree, license)
    );
    Shown::new(row, text)
}

/// Until when a license lasts, and by which gate above it ends before.
fn ends(tree: &Tree, license: &License) -> String {
    let zone = tree.zone_of_holder(license.holder);
    let own = license.validity.until;
    let above = tree.path(license.holder);
    let above = above.into_iter().filter(|gate| *gate != license.holder);
    let at = license.validity.from.unwrap_or(Moment::MIN);
    let first = above
        .filter_map(|gate| Some((last_end(tree, gate, at)?, gate)))
        .filter(|(end, _)| own.is_none_or(|own| *end < own))
        .min_by_key(|(end, _)| *end);
    match (first, own) {
        (Some((end, gate)), _) => {
            format!("{} (ends with {})", end.as_end(zone), tree.name_of(gate))
        }
        (None, Some(own)) => own.as_end(zone),
        (None, None) => "no time limit".to_owned(),
    }
}

/// When the last license of a gate ends; `None` where one has no end, or none is on record.
fn last_end(tree: &Tree, gate: Holder, from: Moment) -> Option<Moment> {
    let licenses = tree.licenses_of(gate).iter();
    let ends: Option<Vec<Moment>> = licenses.map(|license| license.validity.until).collect();
    ends?.into_iter().max().filter(|end| *end > from)
}

async fn show(desk: &Desk, id: LicenseId) -> Result<Shown, Failure> {
    let tree = desk.tree().await?;
    let license = existing(&tree, id)?;
    let row = view::license(&tree, license, desk.now);
    let zone = tree.zone_of_holder(license.holder);
    let from = license.validity.from.map_or("always".to_owned(), |from| from.in_zone(zone));
    let lines = [
        format!("License      {}", row.id),
        format!("Holder       {}", row.holder),
        format!("Type         {}", or_dash(Some(&row.license_type))),
        format!("SIP numbers  {}", row.sip_numbers),
        format!("Mobile apps  {}", row.mobile_apps),
        format!("Features     {}", or_dash(Some(&row.features.join(", ")))),
        format!("Valid from   {from}"),
        format!("Valid until  {}", ends(&tree, license)),
        format!("Status       {}", desk.paint.status(&row.status)),
    ];
    Shown::new(row, lines.join("\n"))
}

/// The licenses that a holder has itself.
pub fn list_of(desk: &Desk, world: &World, holder: Holder) -> Result<Shown, Failure> {
    let licenses = world.tree.licenses_of(holder).iter();
    let rows = licenses.map(|license| view::license(&world.tree, license, desk.now)).collect();
    list(desk, &world.tree, rows)
}

fn list(desk: &Desk, tree: &Tree, rows: Vec<LicenseRow>) -> Result<Shown, Failure> {
    let mut drawn =
        table(["ID", "Holder", "Type", "SIP", "Apps", "Features", "Validity", "Status"]);
    for row in &rows {
        let license = tree.license(LicenseId(row.id));
        drawn.add_row([
            row.id.to_string(),
            row.holder.clone(),
            row.license_type.clone(),
            row.sip_numbers.to_string(),
            row.mobile_apps.to_string(),
            row.features.join(", "),
            license.map(|license| ends(tree, license)).unwrap_or_default(),
            desk.paint.status(&row.status),
        ]);
    }
    let text = if rows.is_empty() { "no licenses".to_owned() } else { drawn.to_string() };
    Shown::new(rows, text)
}
