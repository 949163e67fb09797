//! Real sockets on free ports: what the transport receives, where its answers leave from, and what
//! it gives up on.

mod bench;
mod link;
mod tcp;
mod udp;
