//! What a request costs: `admitd`, Kamailio with the same task, and the floor, a program that only moves
//! messages, in turn under the same load, the servers on one core and the load on another.
//!
//!     cargo bench --bench wire [-- --help]

mod behind;
mod beside;
mod checks;
mod cost;
mod ending;
mod endpoint;
mod floor;
mod instructions;
mod json;
mod load;
mod meanwhile;
mod message;
mod office;
mod options;
mod overload;
mod picture;
mod rival;
mod rounds;
mod server;
mod site;
mod stop;
mod swap;
mod table;
mod tables;
mod work;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use options::Options;

fn main() {
    let options = Options::parse();
    if let (Some(transport), Some(listen)) = (options.floor, options.listen) {
        floor::run(transport, listen, options.upstream);
    }
    if let Err(fault) = checks::all(&options) {
        Options::command().error(ErrorKind::ValueValidation, fault).exit();
    }
    let _folder = stop::leaves_nothing();
    if options.instructions {
        return instructions::count(&options);
    }
    let rows = rounds::measure(&options);
    table::print(&options.setting(), &rows);
    if let Some(file) = &options.json {
        json::write(file, &options, &rows);
    }
    if let Some(file) = &options.svg {
        picture::write(file, &options, &rows);
    }
}
