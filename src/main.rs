//! The binary: hands the arguments to the command line and its status to the shell.

use std::process::ExitCode;

fn main() -> ExitCode {
    admitd::cli::main(admitd::app::run)
}
