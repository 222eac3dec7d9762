//! Deskside's figures, each beside a peer or a limit of the same run. The rooms
//! are in `src/bench/`, what to run and how to read it in `tests/README.md`.

use std::process::ExitCode;

fn main() -> ExitCode {
    deskside_tests::bench::main()
}
