//! The halves of a QUIC stream, counted where the line has a ledger. A future that is dropped has
//! taken nothing that is not counted, and counted nothing that was not taken.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use deskside_protocol::close::CloseCode;
use deskside_protocol::statement::State;
use quinn::{ClosedStream, ReadError, RecvStream, SendStream, VarInt, WriteError};

use crate::ledger::Count;

/// What is sent.
#[derive(Debug)]
pub(crate) struct Out {
    stream: SendStream,
    count: Option<Count>,
}

/// What is delivered.
#[derive(Debug)]
pub(crate) struct In {
    stream: RecvStream,
    count: Option<Count>,
}

impl Out {
    pub(crate) const fn new(stream: SendStream, count: Option<Count>) -> Self {
        Self { stream, count }
    }

    pub(crate) const fn stream(&self) -> &SendStream {
        &self.stream
    }

    pub(crate) fn id(&self) -> u64 {
        VarInt::from(self.stream.id()).into_inner()
    }

    /// Writes all chunks. Where it is given up some of them may have been sent: those are counted.
    pub(crate) async fn write(&mut self, mut chunks: &mut [Bytes]) -> Result<(), WriteError> {
        while !chunks.is_empty() {
            let written = match &self.count {
                None => self.stream.write_chunks(chunks).await?.chunks,
                Some(count) => some(&mut self.stream, count, chunks).await?,
            };
            chunks = chunks.get_mut(written..).unwrap_or_default();
        }
        Ok(())
    }

    pub(crate) fn finish(&mut self) -> Result<(), ClosedStream> {
        let Self { stream, count } = self;
        let Some(count) = count else { return stream.finish() };
        let mut done = Ok(());
        count.end_by(|| {
            // A stream that the peer has stopped is no more finished than it is read.
            let stopped = stopped(stream).is_some();
            done = stream.finish();
            (done.is_ok() && !stopped).then_some(State::Finished)
        });
        done
    }

    pub(crate) fn reset(&mut self, code: CloseCode) -> Result<(), ClosedStream> {
        let Self { stream, count } = self;
        let Some(count) = count else { return stream.reset(code.number().into()) };
        let mut done = Ok(());
        count.end_by(|| {
            done = stream.reset(code.number().into());
            done.is_ok().then_some(State::Reset)
        });
        done
    }
}

impl Drop for Out {
    /// As QUIC does with a stream that is dropped, but so that it is counted as what it is.
    fn drop(&mut self) {
        let Self { stream, count: Some(count) } = self else { return };
        if !count.is_ended() {
            count.end_by(|| match stopped(stream) {
                Some(code) => stream.reset(code).ok().map(|()| State::Reset),
                None => stream.finish().ok().map(|()| State::Finished),
            });
        }
    }
}

/// The code with which the peer stopped reading.
fn stopped(stream: &SendStream) -> Option<VarInt> {
    let stopped = pin!(stream.stopped());
    match stopped.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(code)) => code,
        Poll::Ready(Err(_)) | Poll::Pending => None,
    }
}

/// Writes some of the chunks, and counts just those.
async fn some(
    stream: &mut SendStream,
    count: &Count,
    chunks: &mut [Bytes],
) -> Result<usize, WriteError> {
    let before = chunks.to_vec();
    let written = poll_fn(|cx| {
        let Some(mut state) = count.hold() else { return Poll::Ready(Ok::<_, WriteError>(None)) };
        let written = ready!(pin!(stream.write_chunks(chunks)).poll(cx))?;
        let mut left = written.bytes;
        for chunk in &before {
            let taken = left.min(chunk.len());
            count.add(&mut state, chunk.get(..taken).unwrap_or_default());
            left -= taken;
        }
        Poll::Ready(Ok(Some(written.chunks)))
    });
    match written.await? {
        Some(chunks) => Ok(chunks),
        None => Err(WriteError::ConnectionLost(count.ledger().closed().await)),
    }
}

impl In {
    pub(crate) const fn new(stream: RecvStream, count: Option<Count>) -> Self {
        Self { stream, count }
    }

    /// Reads some chunks into the first of `chunks`; `None` at the stream's end. Loses nothing when
    /// cancelled.
    pub(crate) async fn read(&mut self, chunks: &mut [Bytes]) -> Result<Option<usize>, ReadError> {
        let Some(count) = &mut self.count else { return self.stream.read_chunks(chunks).await };
        let stream = &mut self.stream;
        let read = poll_fn(|cx| {
            let Some(mut state) = count.hold() else { return Poll::Ready(None) };
            let read = ready!(pin!(stream.read_chunks(chunks)).poll(cx));
            if let Ok(Some(number)) = read {
                chunks.iter().take(number).for_each(|chunk| count.add(&mut state, chunk));
            }
            Poll::Ready(Some(read))
        });
        let read = match read.await {
            Some(read) => read,
            None => Err(ReadError::ConnectionLost(count.ledger().closed().await)),
        };
        match &read {
            Ok(None) => count.end(State::Finished),
            Err(ReadError::Reset(_)) => count.end(State::Reset),
            Ok(Some(_)) | Err(_) => {}
        }
        read
    }

    /// Reads no further, and says why.
    pub(crate) fn stop(&mut self, code: CloseCode) -> Result<(), ClosedStream> {
        self.stream.stop(code.number().into())
    }

    /// The stream itself, for what no ledger counts.
    pub(crate) fn into_stream(self) -> RecvStream {
        self.stream
    }
}
