//! `tree`, `state`, `seats` and `explain`: asked of the running daemon, else of the database.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::admin::control::Request;
use crate::license::{Holder, SERVER, World};
use crate::telemetry::is_refusal_id;
use crate::view::{self, Freed, SeatRow, State, TreeNode};

use super::args::SeatsCommand;
use super::control::ask;
use super::desk::{Desk, Shown};
use super::draw;
use super::failure::Failure;
use super::offline::{Offline, note};

/// An answer, and a note where it does not come from the daemon.
pub struct Answer<T> {
    pub answer: T,
    note: Option<String>,
}

/// The whole tree.
pub async fn tree(desk: &Desk) -> Result<Shown, Failure> {
    let found: Answer<TreeNode> = answered(desk, Request::Tree, async |offline| {
        let World { tree, directory } = &offline.world;
        Ok(view::tree(tree, directory, SERVER, desk.now, &offline.usage()))
    })
    .await?;
    shown(&found, draw::tree(desk.paint, &found.answer))
}

/// The license state of a group or user.
pub async fn state(desk: &Desk, path: String) -> Result<Shown, Failure> {
    let found: Answer<State> =
        answered(desk, Request::State { path: path.clone() }, async |offline| {
            let holder = desk.find(&offline.world, &path)?;
            Ok(view::state(&offline.world.tree, holder, desk.now, &offline.usage()))
        })
        .await?;
    shown(&found, draw::state(desk.paint, &found.answer))
}

/// Whether a number would be admitted.
pub async fn explain(desk: &Desk, number: &str) -> Result<Shown, Failure> {
    if is_refusal_id(number) {
        return explain_refusal(desk, number);
    }
    let number = desk.number(number)?;
    let found: Answer<view::Explain> =
        answered(desk, Request::Explain { number: number.clone() }, async |offline| {
            let World { tree, directory } = &offline.world;
            Ok(view::explain(tree, directory, &number, desk.now, &offline.usage()))
        })
        .await?;
    shown(&found, draw::explain(desk.paint, &found.answer))
}

/// Why a client was refused, by the id that it was told: only the daemon remembers.
fn explain_refusal(desk: &Desk, id: &str) -> Result<Shown, Failure> {
    let request = Request::Explain { number: id.to_owned() };
    let answer: Option<view::Explain> = ask(&desk.config.admin.socket, &request)?;
    let answer = answer.ok_or_else(|| {
        Failure::new(format!("the daemon does not run, and only it knows refusal {id}"))
    })?;
    let text = draw::explain(desk.paint, &answer);
    Shown::new(&answer, text)
}

/// The seats, or the end of some.
pub async fn seats(
    desk: &Desk,
    path: Option<String>,
    command: Option<SeatsCommand>,
) -> Result<Shown, Failure> {
    if let Some(SeatsCommand::Free { number, device }) = command {
        return free(desk, &number, device).await;
    }
    let found: Answer<Vec<SeatRow>> =
        answered(desk, Request::Seats { path: path.clone() }, async |offline| {
            let tree = &offline.world.tree;
            let under = path.as_deref().map(|path| desk.find(&offline.world, path)).transpose()?;
            let stands = |owner| match under {
                None => true,
                Some(Holder::Group(top)) => tree.ancestry(owner).contains(&top),
                Some(user) => user == owner,
            };
            let mut seats = offline.seats();
            seats.retain(|seat| stands(seat.owner));
            Ok(view::seats(tree, &seats))
        })
        .await?;
    shown(&found, draw::seats(desk.paint, &found.answer))
}

async fn free(desk: &Desk, number: &str, device: Option<String>) -> Result<Shown, Failure> {
    let number = desk.number(number)?;
    let request = Request::Free { number: number.clone(), device: device.clone() };
    let found: Answer<Freed> = answered(desk, request, async |offline| {
        let device = device.as_deref().map(device_no).transpose()?;
        let freed = offline.free(desk, &number, device).await?;
        Ok(Freed { number: number.clone(), freed })
    })
    .await?;
    if found.answer.freed == 0 {
        return Err(Failure::new(format!("{number} holds no such seat")));
    }
    let text = format!("{}: {} ended", found.answer.number, found.answer.freed);
    shown(&found, text)
}

fn device_no(text: &str) -> Result<u32, Failure> {
    text.parse().map_err(|_| Failure::new(format!("{text:?} is no device; `seats` lists them")))
}

/// Asks the daemon; where none runs, `otherwise` answers from what a start would know.
pub async fn answered<T: DeserializeOwned>(
    desk: &Desk,
    request: Request,
    otherwise: impl AsyncFnOnce(&Offline) -> Result<T, Failure>,
) -> Result<Answer<T>, Failure> {
    if let Some(answer) = ask(&desk.config.admin.socket, &request)? {
        return Ok(Answer { answer, note: None });
    }
    let offline = Offline::load(desk).await?;
    let answer = otherwise(&offline).await?;
    Ok(Answer { answer, note: Some(note(desk)) })
}

/// An answer as it is shown, with where it comes from.
pub fn shown<T: Serialize>(found: &Answer<T>, text: String) -> Result<Shown, Failure> {
    Ok(Shown::new(&found.answer, text)?.with_note(found.note.clone()))
}
