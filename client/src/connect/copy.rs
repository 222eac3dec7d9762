//! x
use super::lines::Lines;
use super::tally::Tally;
use crate::control::CopyRequest;
pub(super) async fn serve(_lines: Lines, _tally: Tally, request: CopyRequest) {
    request.refuse(&crate::failure::Failure::new(deskside_protocol::exit::Exit::Other, "x")).await
}
