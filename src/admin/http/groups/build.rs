//! Many groups at once from a pattern: buildings, their floors, their apartments, with licenses and
//! numbers; all of them or none.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::license::distribution::Change;
use crate::license::{
    Group, GroupId, HandOut, Holder, License, LicenseId, Moment, Number, NumberId, NumberKind,
    wording,
};

use super::super::Api;
use super::super::body::{Body, Object};
use super::super::caller::Caller;
use super::super::fields::{Domain, GroupName, HandOutWord, KindWord, Label, PatternText};
use super::super::licenses::LicenseBody;
use super::super::names;
use super::super::params::{Path, Query};
use super::super::problem::{ObstacleRow, Problem, Problems};
use super::super::writes::{Asked, DryRun, WarningRow};
use super::pattern::{Filling, Pattern};

/// Groups of one call, at most.
const GROUPS: usize = 10_000;
/// Levels of one call, at most.
const LEVELS: usize = 8;
/// Paths that an answer shows.
const SHOWN: usize = 20;

/// What to build under a group.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BuildBody {
    /// From the top down: each is built in every group of the one before.
    #[schema(value_type = Vec<Level>, min_items = 1, max_items = 8)]
    levels: Vec<Object<Level>>,
}

/// One level: names, or a count with a pattern.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Level {
    #[serde(default)]
    #[schema(required = false)]
    kind: Label,
    /// Their names; this, or `from`, `to` and `name`.
    #[serde(default)]
    #[schema(max_items = 10000)]
    names: Option<Vec<GroupName>>,
    #[serde(default)]
    from: Option<u32>,
    #[serde(default)]
    to: Option<u32>,
    /// `{n}` is the count, `{n:02}` has two digits; `{parent}` and `{parent.n}` are of the group above.
    #[serde(default)]
    name: Option<PatternText>,
    #[serde(default)]
    #[schema(required = false)]
    restricted: bool,
    #[serde(default)]
    hand_out: Option<HandOutWord>,
    /// A license that each of them gets.
    #[serde(default)]
    #[schema(value_type = Option<LicenseBody>)]
    license: Option<Object<LicenseBody>>,
    /// A number that each of them gets.
    #[serde(default)]
    #[schema(value_type = Option<NumberPattern>)]
    number: Option<Object<NumberPattern>>,
}

/// A number for each group of a level.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NumberPattern {
    /// The user part: `{parent.n}{n:02}`.
    user: PatternText,
    domain: Domain,
    #[serde(default)]
    kind: Option<KindWord>,
}

/// What was built, or would be.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Built {
    dry_run: bool,
    groups: usize,
    numbers: usize,
    /// The paths of the first groups.
    first: Vec<String>,
    /// What it does not fit; only in a dry run, else it is a problem.
    obstacles: Vec<ObstacleRow>,
    /// Why it would be refused, in words.
    refused: Option<String>,
    warnings: Vec<WarningRow>,
}

/// One level, read.
struct Plan {
    kind: String,
    restricted: bool,
    hand_out: HandOut,
    names: Names,
    license: Option<License>,
    number: Option<(Pattern, String, NumberKind)>,
}

enum Names {
    Each(Vec<String>),
    Counted(Pattern, u32, u32),
}

/// A group that is built, as those below it need it.
struct Parent {
    id: GroupId,
    count: u32,
    name: String,
    path: String,
}

/// What comes of the plans.
#[derive(Default)]
struct Site {
    groups: Vec<Change>,
    numbers: Vec<Number>,
    first: Vec<String>,
}

/// Build many groups
///
/// Buildings, floors and apartments from patterns, 10,000 at most, in one transaction.
#[utoipa::path(post, path = "/groups/{id}/build", tag = "groups", operation_id = "build_groups",
    params(("id" = i64, Path), DryRun,
        ("Idempotency-Key" = Option<String>, Header, max_length = 255)),
    request_body = BuildBody,
    responses((status = 200, description = "What was built, or would be", body = Built), Problems))]
pub(super) async fn build(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    Query(DryRun { dry_run }): Query<DryRun>,
    asked: Asked,
    Body(body): Body<BuildBody>,
) -> Result<Json<Built>, Problem> {
    let world = api.live.world();
    let top = names::group(&world.tree, &by.viewer, id)?;
    let plans = plans(body, (world.tree.zone_of(top.id), api.live.now()))?;
    let path = by.viewer.path_name(&world.tree, top.id);
    let top = Parent { id: top.id, count: 0, name: top.name.clone(), path };
    let Site { groups, numbers, first } = Site::built(&plans, top)?;
    let counts = (groups.len(), numbers.len());
    let numbers = (!numbers.is_empty()).then_some(Change::AddNumbers(numbers));
    let change = Change::All(groups.into_iter().chain(numbers).collect());
    let done = match dry_run {
        true => api.preview(&by, &asked, false, change).await,
        false => api.write(&by, &asked, false, change).await.map(|done| done.warnings),
    };
    let built = |obstacles, refused, warnings| {
        let (groups, numbers) = counts;
        Json(Built { dry_run, groups, numbers, first, obstacles, refused, warnings })
    };
    match done {
        Ok(warnings) => Ok(built(Vec::new(), None, warnings)),
        Err(problem) if dry_run => {
            let (refused, obstacles) = problem.refusal()?;
            Ok(built(obstacles, refused, Vec::new()))
        }
        Err(problem) => Err(problem),
    }
}

fn plans(body: BuildBody, when: (chrono_tz::Tz, Moment)) -> Result<Vec<Plan>, Problem> {
    if body.levels.is_empty() || body.levels.len() > LEVELS {
        return Err(Problem::field("levels", format!("write 1 to {LEVELS}")));
    }
    let levels = body.levels.into_iter().enumerate();
    let plans: Vec<Plan> =
        levels.map(|(at, Object(level))| level.plan(at, when)).collect::<Result<_, _>>()?;
    let (mut all, mut of_level) = (0_usize, 1_usize);
    for plan in &plans {
        of_level = of_level.saturating_mul(plan.names.len());
        all = all.saturating_add(of_level);
    }
    match all {
        0 => Err(Problem::field("levels", "this makes no group")),
        1..=GROUPS => Ok(plans),
        _ => Err(Problem::field("levels", format!("{all} groups are more than {GROUPS}"))),
    }
}

impl Level {
    fn plan(self, at: usize, when: (chrono_tz::Tz, Moment)) -> Result<Plan, Problem> {
        let place = format!("levels[{at}].");
        let pattern = |field: &str, text: PatternText| {
            let wrong = |fault| Problem::field(format!("{place}{field}"), fault);
            let read = Pattern::read(&text.0).map_err(wrong)?;
            if at == 0 && read.needs_parent_count() {
                return Err(wrong("the first level has no {parent.n}".into()));
            }
            Ok(read)
        };
        let names = match (self.names, self.from, self.to, self.name) {
            (Some(names), None, None, None) => {
                Names::Each(names.into_iter().map(|GroupName(name)| name).collect())
            }
            (None, Some(from), Some(to), Some(name)) if from <= to => {
                let read = pattern("name", name)?;
                if from < to && !read.counts() {
                    let field = format!("{place}name");
                    return Err(Problem::field(field, "without {n} all have one name"));
                }
                Names::Counted(read, from, to)
            }
            _ => {
                let told = "write names, or from, to and name, with from at most to";
                return Err(Problem::field(format!("{place}names"), told));
            }
        };
        let holder = Holder::Group(GroupId(0));
        let license = self.license.map(|Object(body)| {
            body.license(LicenseId(0), holder, when, &format!("{place}license."))
        });
        let number = self.number.map(|Object(number)| {
            let kind = number.kind.map_or(NumberKind::default(), |KindWord(kind)| kind);
            Ok::<_, Problem>((pattern("number.user", number.user)?, number.domain.0, kind))
        });
        Ok(Plan {
            kind: self.kind.0,
            restricted: self.restricted,
            hand_out: self.hand_out.map_or(HandOut::Split, |HandOutWord(mode)| mode),
            names,
            license: license.transpose()?,
            number: number.transpose()?,
        })
    }
}

impl Names {
    fn len(&self) -> usize {
        match self {
            Self::Each(names) => names.len(),
            Self::Counted(_, from, to) => (to - from) as usize + 1,
        }
    }

    /// Each count with its name, in one group.
    fn of(&self, parent: &Parent) -> Vec<(u32, String)> {
        match self {
            Self::Each(names) => (1..).zip(names.iter().cloned()).collect(),
            Self::Counted(pattern, from, to) => {
                (*from..=*to).map(|count| (count, pattern.fill(parent.filling(count)))).collect()
            }
        }
    }
}

impl Parent {
    fn filling(&self, count: u32) -> Filling<'_> {
        Filling { count, parent_count: self.count, parent: &self.name }
    }
}

impl Site {
    /// Every group and number of the plans. New groups have negative ids by which those below name them.
    fn built(plans: &[Plan], top: Parent) -> Result<Self, Problem> {
        let mut site = Self::default();
        let mut parents = vec![top];
        let mut next = -1;
        for (at, plan) in plans.iter().enumerate() {
            let mut made = Vec::new();
            for parent in &parents {
                for (count, name) in plan.names.of(parent) {
                    let id = GroupId(next);
                    next -= 1;
                    made.push(site.add(at, plan, parent, (id, count, name))?);
                }
            }
            parents = made;
        }
        Ok(site)
    }

    fn add(
        &mut self,
        at: usize,
        plan: &Plan,
        parent: &Parent,
        (id, count, name): (GroupId, u32, String),
    ) -> Result<Parent, Problem> {
        let slash = name.contains('/').then_some("it has a \"/\"");
        if let Some(fault) = wording::name_fault(&name).or(slash) {
            let field = format!("levels[{at}].name");
            return Err(Problem::field(field, format!("{name:?} is no name: {fault}")));
        }
        let above = parent.path.trim_end_matches('/');
        let path = if above.is_empty() { name.clone() } else { format!("{above}/{name}") };
        if self.first.len() < SHOWN {
            self.first.push(path.clone());
        }
        let group = Group {
            id,
            parent: Some(parent.id),
            name: name.clone(),
            kind: plan.kind.clone(),
            restricted: plan.restricted,
            hand_out: plan.hand_out,
            time_zone: None,
            monitor: false,
            admin_emails: Vec::new(),
        };
        let license = plan.license.iter().cloned();
        let licenses = license.map(|one| License { holder: Holder::Group(id), ..one }).collect();
        self.groups.push(Change::AddGroup { group, licenses });
        if let Some((user, domain, kind)) = &plan.number {
            let aor = format!("sip:{}@{domain}", user.fill(parent.filling(count)));
            if let Some(fault) = wording::number_fault(&aor) {
                let field = format!("levels[{at}].number.user");
                return Err(Problem::field(field, format!("{aor:?} is no number: {fault}")));
            }
            let owner = Holder::Group(id);
            let number = Number { id: NumberId(0), aor, owner, kind: *kind, password: None };
            self.numbers.push(number);
        }
        Ok(Parent { id, count, name, path })
    }
}
