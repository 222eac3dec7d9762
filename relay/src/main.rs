//! `deskside-relay`: see `deskside-relay --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    deskside_relay::cli::main()
}
