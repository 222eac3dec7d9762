//! A copy for a local command: its files are read or written here, its bytes go over a stream of the
//! line, and the command hears how it goes. When the command goes away, so does the copy; the part of
//! a file that has arrived stays. A line that dies under it is waited for.

mod meter;
mod stream;

use std::sync::Arc;

use deskside_files::{
    Announced, Landing, PipeError, Source, TransferError, receive, request, send,
};
use deskside_link::Line;
use deskside_link::bodies::BodyError;
use deskside_link::stream::StreamError;
use deskside_protocol::close::CloseCode;
use deskside_protocol::exit::Exit;
use deskside_protocol::file::{Breach, Fault};
use deskside_protocol::wire::message::refusal::Cause;
use deskside_protocol::wire::message::{FileGet, FilePut, FileReady, message::Kind};

use self::meter::Meter;
use self::stream::FileStream;
use super::tally::Tally;
use crate::control::{CopyRequest, CopyWay, CopyWish};
use crate::failure::{Failure, refusal_exit};
use crate::lines::Lines;
use crate::note::Way;

/// Files lines that may be lost under one transfer while its line lives: where it breaks more often
/// that is no accident, and the person decides.
const MAX_FILES_LINES: usize = 5;

/// Serves one copy to its outcome.
pub(super) async fn serve(mut lines: Lines, tally: Tally, request: CopyRequest) {
    let (wish, mut teller, mut watcher) = match request.accept().await {
        Ok(accepted) => accepted,
        Err(error) => {
            tracing::debug!(%error, "a local command went away");
            return;
        }
    };
    let way = match &wish.way {
        CopyWay::Put { .. } => Way::Sent,
        CopyWay::Get { .. } => Way::Received,
    };
    let meter = Meter::new(way, tally);
    let copied = async {
        let outcome = all(&mut lines, &wish, &meter).await;
        meter.over(outcome);
    };
    tokio::select! {
        ((), told) = async { tokio::join!(copied, meter.tell(&mut teller)) } => {
            if let Err(error) = told {
                tracing::debug!(%error, "a local command went away at the end of its copy");
            }
        }
        () = watcher.gone() => tracing::debug!("a local command went away, and its copy with it"),
    }
}

/// Everything that was asked for, one transfer after the other.
async fn all(lines: &mut Lines, wish: &CopyWish, meter: &Meter) -> Result<(), Failure> {
    let transfers = match &wish.way {
        CopyWay::Put { .. } => 1,
        CopyWay::Get { paths, .. } => paths.len(),
    };
    for number in 0..transfers {
        match whole(lines, wish, number, meter).await {
            // One of several that is not there, or is a folder: the others go all the same.
            Err(failure) if transfers > 1 && is_its_own(&failure) => {
                meter.left_out(&wish.way, number, failure);
            }
            done => done?,
        }
        meter.next();
    }
    Ok(())
}

const fn is_its_own(failure: &Failure) -> bool {
    matches!(failure.exit, Exit::NotFound | Exit::Usage)
}

/// One transfer, over as many lines as it takes.
async fn whole(
    lines: &mut Lines,
    wish: &CopyWish,
    number: usize,
    meter: &Meter,
) -> Result<(), Failure> {
    let mut resume = wish.resume;
    let mut left = MAX_FILES_LINES;
    loop {
        let Some(line) = lines.now().await else { return Err(session_over()) };
        let error = match over(&line, wish, number, resume, meter).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let lost = matches!(&error, TransferError::Pipe(_) | TransferError::Breach(Breach::CutOff));
        if lost && !is_dead(&line).await && left > 0 && lost_bodies(&line, &error) {
            tracing::debug!(%error, "the files line died under a copy");
            (left, resume) = (left - 1, true);
            continue;
        }
        if !lost || !is_dead(&line).await {
            return Err(failure(&error));
        }
        tracing::debug!(%error, "the line died under a copy");
        meter.broken("The connection is being made anew; the copy goes on by itself.");
        if !lines.replaced(&line).await {
            return Err(session_over());
        }
        resume = true;
    }
}

/// Whether the files line was lost, here or as the agent sees it, and the line was not.
fn lost_bodies(line: &Line, error: &TransferError) -> bool {
    match error {
        TransferError::Pipe(lost) => matches!(lost.inner().downcast_ref(), Some(BodyError::Lost)),
        TransferError::Breach(Breach::CutOff) => line.bodies().is_some(),
        TransferError::Breach(_) | TransferError::Refused(_) | TransferError::File(_) => false,
    }
}

/// An agent's program that does not know the files line says so by what it does not say.
fn same_way(ready: &FileReady, apart: bool) -> Result<(), TransferError> {
    let text = "the policy does not have the bodies of files recorded, and the user's program sends \
                them where they would be: upgrade it";
    let other = || TransferError::Refused(Fault::new(Cause::BadRequest, text));
    if ready.apart == apart { Ok(()) } else { Err(other()) }
}

async fn is_dead(line: &Line) -> bool {
    tokio::select! {
        biased;
        _ = line.lost() => true,
        () = std::future::ready(()) => false,
    }
}

/// One transfer on one line.
async fn over(
    line: &Arc<Line>,
    wish: &CopyWish,
    number: usize,
    resume: bool,
    meter: &Meter,
) -> Result<(), TransferError> {
    let (recursive, apart) = (wish.recursive, line.bodies().is_some());
    match &wish.way {
        CopyWay::Put { local, into, exact } => {
            let source = Source::local(local, recursive).await?;
            let (files, bytes) = (source.files(), source.bytes());
            meter.announced(files, bytes);
            let (into, exact, listed) = (into.clone(), *exact, source.listed());
            let put = FilePut { into, files, bytes, resume, exact, listed, apart };
            let FileStream { mut out, mut back } = FileStream::open(line).await?;
            let ready = request(Kind::FilePut(put), &mut out, &mut back).await?;
            same_way(&ready, apart)?;
            out.open_bodies(line).await?;
            send(source, resume, &mut out, &mut back, meter).await?;
        }
        CopyWay::Get { paths, local } => {
            let landing = Landing::local(local, paths.len() > 1).await?;
            let path = paths.get(number).cloned().unwrap_or_default();
            let get = FileGet { path, recursive, resume, apart };
            let FileStream { mut out, mut back } = FileStream::expecting(line).await?;
            let ready = request(Kind::FileGet(get), &mut out, &mut back).await?;
            same_way(&ready, apart)?;
            // Told before the disk fills. Of what is to be resumed a part is there already, and how
            // much of it nobody knows yet: then the disk itself has the last word.
            if !resume {
                landing.room_for(ready.bytes)?;
            }
            meter.announced(ready.files, ready.bytes);
            let announced = Announced::by_ready(&ready, resume);
            receive(landing, announced, &mut out, &mut back, meter).await?;
        }
    }
    Ok(())
}

fn session_over() -> Failure {
    let text = "the session ended before this was done: see deskside connect for why";
    Failure::new(Exit::EndedByPeer, text)
}

/// Whether the user took the grant back in the middle.
fn stopped_by_user(lost: &PipeError) -> bool {
    let error = match lost.inner().downcast_ref() {
        Some(BodyError::Stream(error)) => Some(error),
        Some(BodyError::Lost | BodyError::Refused) => None,
        None => lost.inner().downcast_ref::<StreamError>(),
    };
    error.is_some_and(|error| error.is_reset(CloseCode::Refused))
}

/// Why a transfer failed as a whole.
fn failure(error: &TransferError) -> Failure {
    match error {
        TransferError::Refused(fault) => Failure::from(&fault.to_wire()),
        TransferError::File(file) => Failure::new(refusal_exit(file.cause()), file.to_string()),
        TransferError::Pipe(lost) if stopped_by_user(lost) => {
            Failure::new(Exit::Refused, "the user stopped it")
        }
        TransferError::Pipe(lost)
            if matches!(lost.inner().downcast_ref(), Some(BodyError::Refused)) =>
        {
            let text = "the policy does not have the bodies of files recorded, and the relay gives no \
                        other way for them: ask whoever runs it";
            Failure::new(Exit::NoConnection, text)
        }
        TransferError::Breach(Breach::CutOff) | TransferError::Pipe(_) => {
            Failure::new(Exit::EndedByPeer, "the user's computer broke the copy off")
        }
        TransferError::Breach(breach) => {
            Failure::new(Exit::Other, format!("the user's computer broke the protocol: {breach}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use deskside_files::{FileError, Size};
    use deskside_protocol::file::Fault;
    use deskside_protocol::wire::message::refusal::Cause;

    #[test]
    fn every_failure_has_its_exit_code() {
        let name = || "a.txt".to_owned();
        let refused = |cause, text: &str| TransferError::Refused(Fault::new(cause, text));
        // Of a body that goes over the files line.
        let apart = |error: BodyError| TransferError::Pipe(PipeError::new(error));
        let reset = |code: CloseCode| {
            let reset = quinn::ReadError::Reset(code.number().into());
            BodyError::from(StreamError::Read(reset))
        };
        for (error, exit, part) in [
            (refused(Cause::UserRefused, "the user did not allow file"), Exit::Refused, "did not"),
            (refused(Cause::Policy, ""), Exit::Refused, "the policy does not allow this"),
            (refused(Cause::NotFound, "there is no a.txt"), Exit::NotFound, "there is no a.txt"),
            (
                refused(Cause::Trouble, "needs 1.2 GB, and 300 MB are free"),
                Exit::Other,
                "300 MB are free",
            ),
            (FileError::NotFound { name: name() }.into(), Exit::NotFound, "there is no a.txt"),
            (FileError::IsFolder { name: name() }.into(), Exit::Usage, "--recursive"),
            (
                FileError::NoRoom { needs: Size(2), free: Size(1) }.into(),
                Exit::Other,
                "needs 2 bytes, and 1 byte are free",
            ),
            (Breach::Malformed.into(), Exit::Other, "broke the protocol"),
            (Breach::CutOff.into(), Exit::EndedByPeer, "broke the copy off"),
            (apart(BodyError::Refused), Exit::NoConnection, "the relay gives no other way"),
            (apart(BodyError::Lost), Exit::EndedByPeer, "broke the copy off"),
            (apart(reset(CloseCode::Refused)), Exit::Refused, "the user stopped it"),
            (apart(reset(CloseCode::NotABody)), Exit::EndedByPeer, "broke the copy off"),
        ] {
            let failure = failure(&error);
            assert_eq!(failure.exit, exit, "{failure}");
            assert!(failure.sentence.contains(part), "{failure}");
        }
        assert_eq!(session_over().exit, Exit::EndedByPeer);
    }
}
