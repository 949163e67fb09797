//! What a request costs: `admitd`, Kamailio with the same task, and the floor, a program that only moves
//! datagrams, in turn under the same load, the servers on one core and the load on another.
//!
//!     cargo bench --bench wire [-- --help]

#[path = "../../base/mod.rs"]
mod base;
mod cost;
mod endpoint;
mod floor;
mod load;
mod message;
mod options;
mod rounds;
mod server;
mod site;
mod table;

use clap::Parser;

use options::{Mode, Options};

fn main() {
    let options = Options::parse();
    match (options.mode, options.listen) {
        (Some(Mode::Floor), Some(listen)) => floor::run(listen, options.upstream),
        _ => table::print(&rounds::measure(&options)),
    }
}
