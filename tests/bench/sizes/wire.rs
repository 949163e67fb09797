//! The load of the wire benchmark.
#![allow(dead_code, reason = "a part of it is used here")]

#[path = "../wire/behind.rs"]
pub mod behind;
#[path = "../wire/beside.rs"]
pub mod beside;
#[path = "../wire/cost.rs"]
pub mod cost;
#[path = "../wire/endpoint.rs"]
pub mod endpoint;
#[path = "../wire/floor.rs"]
pub mod floor;
#[path = "../wire/load.rs"]
pub mod load;
#[path = "../wire/message.rs"]
pub mod message;
#[path = "../wire/stop.rs"]
pub mod stop;
#[path = "../wire/work.rs"]
pub mod work;
