//! The control socket: one JSON request on a line, one JSON answer on a line. It checks who asks and
//! bounds what is read; what an answer says is for [`Answers`].

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::UCred;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::license::Feature;
use crate::view::{Entitlement, Explain, Freed, SeatRow, State, TreeNode};

/// Longest request; a path or a number fits many times.
const REQUEST_MAX: u64 = 16 * 1024;
/// Askers at once; people and their scripts are few.
const CONNECTIONS: usize = 32;
/// An asker that says nothing for so long is sent away.
const PATIENCE: Duration = Duration::from_secs(30);

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    Tree,
    State {
        path: String,
    },
    Seats {
        #[serde(default)]
        path: Option<String>,
    },
    Free {
        number: String,
        #[serde(default)]
        device: Option<String>,
    },
    Explain {
        number: String,
    },
    Entitlements {
        subject: String,
        features: Vec<String>,
    },
    Reload,
    /// Where the HTTP API listens.
    Api,
}

/// Why there is no answer: what is named does not exist, or it cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unanswered(pub String);

/// Whoever knows the answers. Called off the packet path, on threads that may block.
pub trait Answers: Send + Sync + 'static {
    /// The whole tree, with limits and use.
    fn tree(&self) -> Result<TreeNode, Unanswered>;
    /// The license state of a group or of `user:NAME`.
    fn state(&self, path: &str) -> Result<State, Unanswered>;
    /// The seats of a group and all below it, of `user:NAME`, or all.
    fn seats(&self, path: Option<&str>) -> Result<Vec<SeatRow>, Unanswered>;
    /// Ends the seats of a number, or the one of a device.
    fn free(&self, number: &str, device: Option<&str>) -> Result<Freed, Unanswered>;
    /// Whether a number would be admitted.
    fn explain(&self, number: &str) -> Result<Explain, Unanswered>;
    /// Whether `user:NAME` or a number may use features.
    fn entitlements(
        &self,
        subject: &str,
        features: &[Feature],
    ) -> Result<Vec<Entitlement>, Unanswered>;
    /// Where the HTTP API listens.
    fn api(&self) -> Result<SocketAddr, Unanswered>;
    /// Reads the config file again, as SIGHUP does; gives back what waits for a restart.
    fn reload(&self) -> Result<Vec<String>, Unanswered>;
}

/// The socket, bound; its file goes when this is dropped.
#[derive(Debug)]
pub struct Control {
    listener: UnixListener,
    path: PathBuf,
    owner: Owner,
}

/// Whose socket it is.
#[derive(Clone, Copy, Debug)]
struct Owner {
    uid: u32,
    gid: u32,
}

impl Control {
    /// Binds `path` with these permissions. A socket that nobody listens on is replaced; one on which
    /// another daemon listens is an error.
    pub fn bind(path: &Path, mode: u32) -> io::Result<Self> {
        match std::os::unix::net::UnixStream::connect(path) {
            Ok(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::AddrInUse,
                    "another daemon listens there",
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path)?;
            }
            Err(_) => {}
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        let file = std::fs::symlink_metadata(path)?;
        let owner = Owner { uid: file.uid(), gid: file.gid() };
        Ok(Self { listener, path: path.to_owned(), owner })
    }

    /// Answers whoever may ask, until dropped.
    pub async fn serve(self, answers: Arc<dyn Answers>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            // A place first: what has none waits in the kernel's bounded queue.
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "control socket");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let (answers, owner) = (answers.clone(), self.owner);
            tokio::spawn(async move {
                if let Err(error) = converse(stream, owner, answers).await {
                    tracing::debug!(%error, "control connection");
                }
                drop(place);
            });
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn converse(stream: UnixStream, owner: Owner, answers: Arc<dyn Answers>) -> io::Result<()> {
    let peer = stream.peer_cred()?;
    let (reader, mut writer) = stream.into_split();
    if !may_ask(&peer, owner) {
        tracing::warn!(uid = peer.uid(), "control socket: refused");
        let refusal = json!({"error": "only root, the daemon's user and its group may ask"});
        return send(&mut writer, &refusal).await;
    }
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        let mut bounded = (&mut reader).take(REQUEST_MAX);
        if timeout(PATIENCE, bounded.read_until(b'\n', &mut line)).await?? == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') {
            return send(&mut writer, &json!({"error": "the request is too long or cut"})).await;
        }
        let answers = answers.clone();
        let answer = tokio::task::spawn_blocking(move || answer(&line, answers.as_ref())).await;
        send(&mut writer, &answer.map_err(io::Error::other)?).await?;
    }
}

async fn send(writer: &mut (impl AsyncWriteExt + Unpin), answer: &Value) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    timeout(PATIENCE, writer.write_all(&line)).await?
}

/// The permissions of the file decide in the first place; this holds where they were loosened.
fn may_ask(peer: &UCred, owner: Owner) -> bool {
    peer.uid() == 0
        || peer.uid() == owner.uid
        || peer.gid() == owner.gid
        || peer.pid().is_some_and(|pid| is_in_group(pid, owner.gid))
}

/// Whether a process has the group among its further ones; the socket tells only the first.
fn is_in_group(pid: i32, gid: u32) -> bool {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else { return false };
    let groups = status.lines().find_map(|line| line.strip_prefix("Groups:"));
    groups.is_some_and(|groups| groups.split_whitespace().any(|group| group.parse() == Ok(gid)))
}

fn answer(line: &[u8], answers: &dyn Answers) -> Value {
    let request: Request = match serde_json::from_slice(line) {
        Ok(request) => request,
        Err(error) => return json!({"error": format!("the request cannot be read: {error}")}),
    };
    let answer = match request {
        Request::Tree => shown(answers.tree()),
        Request::State { path } => shown(answers.state(&path)),
        Request::Seats { path } => shown(answers.seats(path.as_deref())),
        Request::Free { number, device } => shown(answers.free(&number, device.as_deref())),
        Request::Explain { number } => shown(answers.explain(&number)),
        Request::Entitlements { subject, features } => {
            shown(entitlements(answers, &subject, &features))
        }
        Request::Reload => shown(answers.reload()),
        Request::Api => shown(answers.api()),
    };
    match answer {
        Ok(answer) => json!({"answer": answer}),
        Err(error) => json!({"error": error}),
    }
}

fn entitlements(
    answers: &dyn Answers,
    subject: &str,
    features: &[String],
) -> Result<Vec<Entitlement>, Unanswered> {
    let features: Result<Vec<Feature>, _> = features.iter().map(|name| name.parse()).collect();
    answers.entitlements(subject, &features.map_err(Unanswered)?)
}

fn shown<T: Serialize>(answer: Result<T, Unanswered>) -> Result<Value, String> {
    let answer = answer.map_err(|Unanswered(error)| error)?;
    serde_json::to_value(answer).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Verdict;

    struct Fixed;

    impl Answers for Fixed {
        fn api(&self) -> Result<SocketAddr, Unanswered> {
            Err(Unanswered("no API".to_owned()))
        }

        fn tree(&self) -> Result<TreeNode, Unanswered> {
            Err(Unanswered("no tree".to_owned()))
        }

        fn state(&self, path: &str) -> Result<State, Unanswered> {
            Err(Unanswered(format!("no group is called {path:?}")))
        }

        fn seats(&self, _path: Option<&str>) -> Result<Vec<SeatRow>, Unanswered> {
            Ok(Vec::new())
        }

        fn free(&self, number: &str, device: Option<&str>) -> Result<Freed, Unanswered> {
            Ok(Freed { number: number.to_owned(), freed: i64::from(device.is_none()) })
        }

        fn explain(&self, number: &str) -> Result<Explain, Unanswered> {
            Ok(Explain {
                number: number.to_owned(),
                verdict: Verdict::Admit,
                cause: None,
                bound_by: None,
                owner: None,
                kind: None,
                source: None,
                live: true,
                gates: Vec::new(),
                refusal: None,
            })
        }

        fn entitlements(
            &self,
            _subject: &str,
            _features: &[Feature],
        ) -> Result<Vec<Entitlement>, Unanswered> {
            Ok(Vec::new())
        }

        fn reload(&self) -> Result<Vec<String>, Unanswered> {
            Ok(vec!["listen".to_owned()])
        }
    }

    async fn conversation(bytes: &[u8]) -> Vec<Value> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admitd.sock");
        let control = Control::bind(&path, 0o660).unwrap();
        let server = tokio::spawn(control.serve(Arc::new(Fixed)));
        let mut stream = UnixStream::connect(&path).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).await.unwrap();
        server.abort();
        answers.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[tokio::test]
    async fn each_line_is_answered_by_a_line() {
        let answers = conversation(
            b"{\"command\":\"seats\"}\n{\"command\":\"state\",\"path\":\"x\"}\n\
              {\"command\":\"free\",\"number\":\"sip:1@a.com\"}\n{\"command\":\"reload\"}\n",
        )
        .await;

        assert_eq!(
            answers,
            [
                json!({"answer": []}),
                json!({"error": "no group is called \"x\""}),
                json!({"answer": {"number": "sip:1@a.com", "freed": 1}}),
                json!({"answer": ["listen"]}),
            ]
        );
    }

    #[tokio::test]
    async fn nonsense_is_answered_and_does_not_end_the_conversation() {
        let answers =
            conversation(b"\xff\n{}\n{\"command\":\"seats\",\"x\":1}\n{\"command\":\"seats\"}\n")
                .await;

        assert_eq!(answers.len(), 4);
        assert!(answers[..3].iter().all(|answer| answer.get("error").is_some()), "{answers:?}");
        assert_eq!(answers[3], json!({"answer": []}));
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_not_read_for_ever() {
        let answers = conversation(&vec![b'x'; REQUEST_MAX as usize]).await;

        assert_eq!(answers, [json!({"error": "the request is too long or cut"})]);
    }

    #[tokio::test]
    async fn a_dead_socket_is_replaced_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("admitd.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());

        let control = Control::bind(&path, 0o660).unwrap();
        let second = Control::bind(&path, 0o660).unwrap_err();

        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
        drop(control);
        assert!(!path.exists());
    }

    #[test]
    fn a_further_group_of_a_process_is_seen() {
        let own = std::process::id().cast_signed();

        assert!(!is_in_group(own, u32::MAX));
        assert!(!is_in_group(-1, 0));
    }
}
