//! The answers about live state, drawn for people.

use crate::view::{
    Entitlement, Explain, Figures, NumberUse, SeatRow, State, TreeNode, TreeUser, Verdict,
};

use super::paint::{Paint, counted, end, instant, or_dash, table};

/// The tree with a bar for each gate.
pub fn tree(paint: Paint, top: &TreeNode) -> String {
    let mut lines = vec![group_line(paint, top, &top.group)];
    branches(paint, top, "", &mut lines);
    lines.join("\n")
}

/// What hangs under a group: users first, then groups. The depth is that of the tree, which people
/// made; the daemon's own walks are loops.
fn branches(paint: Paint, node: &TreeNode, indent: &str, lines: &mut Vec<String>) {
    let mut left = node.users.len() + node.groups.len();
    let mut fork = |lines: &mut Vec<String>, text: String| {
        left -= 1;
        let (branch, below) = if left == 0 { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        lines.push(format!("{indent}{}{text}", paint.dim(branch)));
        format!("{indent}{below}")
    };
    for user in &node.users {
        fork(lines, user_line(paint, user, &node.time_zone));
    }
    for group in &node.groups {
        let name = group.group.rsplit('/').next().unwrap_or(&group.group);
        let below = fork(lines, group_line(paint, group, name));
        branches(paint, group, &below, lines);
    }
}

fn group_line(paint: Paint, node: &TreeNode, name: &str) -> String {
    let mut parts = vec![paint.bold(name)];
    if !node.kind.is_empty() && node.kind != "server" {
        parts.push(paint.dim(&node.kind));
    }
    parts.push(usage(paint, &node.sip_numbers, &node.mobile_apps));
    parts.extend(validity(
        paint,
        node.status.as_deref(),
        until(node.valid_until.as_deref(), node.ends_with.as_ref(), &node.group, &node.time_zone),
    ));
    if node.restricted && node.hand_out == "shared" {
        parts.push("shared".to_owned());
    }
    if node.numbers > 0 {
        parts.push(paint.dim(counted(node.numbers, "number")));
    }
    if !node.claims.is_empty() {
        parts.push(paint.dim(format!("claims {}", node.claims.join(", "))));
    }
    parts.join("  ")
}

fn user_line(paint: Paint, user: &TreeUser, zone: &str) -> String {
    let name = format!("user:{}", user.user);
    let end = until(user.valid_until.as_deref(), user.ends_with.as_ref(), &name, zone);
    let mut parts = vec![name];
    parts.push(usage(paint, &user.sip_numbers, &user.mobile_apps));
    parts.extend(validity(paint, user.status.as_deref(), end));
    if user.numbers > 0 {
        parts.push(paint.dim(counted(user.numbers, "number")));
    }
    parts.join("  ")
}

fn usage(paint: Paint, sip: &NumberUse, apps: &NumberUse) -> String {
    match (sip.limit, apps.limit) {
        (None, None) => paint.dim(format!("SIP {}  apps {}", sip.in_use, apps.in_use)),
        _ => format!("SIP {}  apps {}", paint.bar(sip), paint.bar(apps)),
    }
}

/// The end, and by which gate where that is not the holder itself.
fn until(at: Option<&str>, ends_with: Option<&String>, own: &str, zone: &str) -> Option<String> {
    let end = end(Some(at?), zone);
    Some(match ends_with.filter(|gate| *gate != own) {
        Some(gate) => format!("{end} (ends with {gate})"),
        None => end,
    })
}

fn validity(paint: Paint, status: Option<&str>, until: Option<String>) -> Option<String> {
    match status? {
        "valid" => until.map(|until| paint.dim(until)),
        status => Some(paint.status(status)),
    }
}

/// What may be used or configured, a line for each feature.
pub fn entitlements(paint: Paint, answers: &[Entitlement], zone: &str) -> String {
    let mut drawn = table(["Feature", "Allowed", "Until", "Why not"]);
    for answer in answers {
        let word = if answer.allowed { paint.green("yes") } else { paint.red("no") };
        let until = match (answer.allowed, &answer.from) {
            (true, _) => end(answer.until.as_deref(), zone),
            (false, Some(from)) => format!("from {}", instant(from, zone)),
            (false, None) => String::new(),
        };
        let gate = answer.bound_by.as_ref().map_or_else(String::new, |gate| format!(" ({gate})"));
        let why = answer.cause.as_ref().map_or_else(String::new, |cause| format!("{cause}{gate}"));
        drawn.add_row([answer.feature.clone(), word, until, why]);
    }
    let subject = answers.first().map(|answer| format!("{}: {}", answer.subject, answer.action));
    format!("{}\n{drawn}", paint.bold(subject.unwrap_or_default()))
}

/// The license state, figures first.
pub fn state(paint: Paint, state: &State) -> String {
    let zone = &state.time_zone;
    let restriction = if state.restricted { "on" } else { "off" };
    let mut status = paint.status(&state.status);
    if let Some(gate) = &state.stopped_by {
        status.push_str(&format!(" (at {gate})"));
    }
    let own_end = state.valid_until.as_deref();
    let until = until(own_end, state.ends_with.as_ref(), &state.group, zone);
    let until = until.unwrap_or_else(|| "no time limit".to_owned());
    let mut lines = vec![
        format!("{}  restriction {restriction}", paint.bold(&state.group)),
        format!("Status       {status}"),
        format!("Validity     {until}"),
    ];
    if let Some(change) = &state.next_change {
        let count = |count: Option<u32>| count.map_or("unlimited".to_owned(), |n| n.to_string());
        lines.push(format!(
            "Next change  {}: SIP {} to {}, apps {} to {}",
            instant(&change.at, zone),
            count(change.from.sip_numbers),
            count(change.to.sip_numbers),
            count(change.from.mobile_apps),
            count(change.to.mobile_apps)
        ));
    }
    lines.push(figures(state));
    let mut features = table(["Feature", "Status", "Until"]);
    for (name, feature) in &state.features {
        let until = match (&feature.until, &feature.from, feature.enabled) {
            (_, Some(from), _) => format!("from {}", instant(from, zone)),
            (until, _, true) => end(until.as_deref(), zone),
            _ => String::new(),
        };
        features.add_row([name.clone(), paint.status(&feature.status), until]);
    }
    lines.push(features.to_string());
    lines.join("\n")
}

fn figures(state: &State) -> String {
    let mut drawn = table(["", "SIP numbers", "Mobile apps"]);
    let unlimited = |count: Option<i64>| count.map_or("unlimited".to_owned(), |n| n.to_string());
    let (sip, apps) = (&state.sip_numbers, &state.mobile_apps);
    let mut row = |name: &str, cell: &dyn Fn(&Figures) -> String| {
        drawn.add_row([name.to_owned(), cell(sip), cell(apps)]);
    };
    row("Maximum", &|f| match f.limit_of.as_ref().filter(|gate| **gate != state.group) {
        Some(gate) => format!("{} (of {gate})", unlimited(f.limit)),
        None => unlimited(f.limit),
    });
    row("Used", &|f| match f.over_by {
        0 => f.used.to_string(),
        over => format!("{} (over by {over})", f.used),
    });
    row("In use now", &|f| f.in_use.to_string());
    row("Handed out", &|f| f.handed_out.to_string());
    row("Left to hand out", &|f| match f.left_over_by {
        0 => unlimited(f.left),
        over => format!("0 (over by {over})"),
    });
    row("Available", &|f| unlimited(f.available));
    row("Bound by", &|f| or_dash(f.bound_by.as_deref()));
    drawn.to_string()
}

/// The verdict, then every gate from the number upwards.
pub fn explain(paint: Paint, answer: &Explain) -> String {
    let verdict = match answer.verdict {
        Verdict::Admit => paint.green("admit"),
        Verdict::Refuse => paint.red("refuse"),
    };
    let mut line = String::new();
    if let Some(refusal) = &answer.refusal {
        let bound_by = refusal.bound_by.as_ref().map(|gate| format!(", bound by {gate}"));
        line = format!(
            "refusal {} at {}: {} from {} ({}), {}{}\nnow: ",
            refusal.id,
            refusal.at,
            refusal.method,
            refusal.source,
            refusal.user_agent,
            paint.red(&refusal.cause),
            bound_by.unwrap_or_default()
        );
    }
    line.push_str(&format!("{}  {verdict}", paint.bold(&answer.number)));
    if let Some(cause) = &answer.cause {
        line.push_str(&format!("  {cause}"));
    }
    if let Some(gate) = &answer.bound_by {
        line.push_str(&format!(", bound by {gate}"));
    }
    let Some(owner) = &answer.owner else {
        return format!(
            "{line}\nno group owns this number: create it, or claim its domain or range"
        );
    };
    let source = or_dash(answer.source.as_deref());
    let kind = or_dash(answer.kind.as_deref());
    let live = if answer.live { "holds a seat" } else { "holds no seat" };
    let mut lines = vec![line, format!("{kind} of {owner}, {source}; {live}")];
    if answer.gates.is_empty() {
        lines.push("no gate stands above it: unlimited".to_owned());
        return lines.join("\n");
    }
    let mut drawn = table(["Gate", "SIP", "Apps", "For claimed", "Status", "Refuses"]);
    let bar = |of: &Option<NumberUse>| of.as_ref().map(|of| paint.bar(of)).unwrap_or_default();
    for gate in &answer.gates {
        let binds = answer.bound_by.as_ref() == Some(&gate.gate);
        let mut refuses = gate.cause.clone().unwrap_or_default();
        if gate.monitor && gate.cause.is_some() {
            refuses.push_str(" (monitor: lifted)");
        }
        let status = match &gate.valid_until {
            Some(until) => format!("{}, until {until}", paint.status(&gate.status)),
            None => paint.status(&gate.status),
        };
        drawn.add_row([
            if binds { format!("{} ←", gate.gate) } else { gate.gate.clone() },
            bar(&gate.sip_numbers),
            bar(&gate.mobile_apps),
            bar(&gate.claimed),
            status,
            refuses,
        ]);
    }
    lines.push(drawn.to_string());
    lines.join("\n")
}

/// The seats as a table.
pub fn seats(paint: Paint, seats: &[SeatRow]) -> String {
    if seats.is_empty() {
        return "no seats".to_owned();
    }
    let mut drawn = table(["Number", "Kind", "Device", "Group", "Since", "Until", "State"]);
    for seat in seats {
        let mut state = paint.status(seat.state.name());
        if seat.over {
            state.push_str(" over");
        }
        drawn.add_row([
            seat.number.clone(),
            seat.kind.name().to_owned(),
            seat.device.clone(),
            or_dash(seat.group.as_deref()),
            seat.since.clone(),
            seat.until.clone().unwrap_or_default(),
            state,
        ]);
    }
    format!("{drawn}\n{}", counted(i64::try_from(seats.len()).unwrap_or(i64::MAX), "seat"))
}
