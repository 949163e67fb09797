//! The wire: an index of start line and headers over the received bytes, header values, patches,
//! framing, and the few messages that are our own. Bytes in, ranges out; it knows no socket, no
//! clock and no licence, and prints nothing that it did not write itself.

mod aor;
mod block;
pub mod compose;
mod contact;
mod cseq;
pub mod digest;
mod expires;
mod fault;
mod framing;
mod grammar;
mod head;
mod index;
mod lines;
mod list_edits;
mod message;
mod method;
mod name;
mod name_addr;
mod params;
mod parts;
mod patch;
mod pieces;
pub mod print;
mod push;
mod scan;
mod start_line;
mod uri;
mod uri_eq;
mod value;
mod via;
mod walk;

pub use aor::{Rules, normalize};
pub use contact::{Contact, Target};
pub use cseq::CSeq;
pub use expires::{DEFAULT_EXPIRES, parse_expires};
pub use fault::{Fault, Rejected};
pub use framing::{Frame, Framer, PONG};
pub use index::{Index, Limits};
pub use message::Message;
pub use method::Method;
pub use name::Name;
pub use name_addr::NameAddr;
pub use params::{Param, Params};
pub use patch::Patch;
pub use pieces::Hops;
pub use push::Push;
pub use start_line::StartLine;
pub use uri::{Scheme, Uri};
pub use uri_eq::uri_eq;
pub use value::{Value, Values};
pub use via::Via;
