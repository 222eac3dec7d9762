//! One task that writes what sessions do, many at a time.
//!
//! A commit waits for the disk, and while it waits the next ones gather: so a commit's price is
//! shared by all that came meanwhile, and each still waits for its own. Nothing else of the
//! database comes through here.

use sqlx::sqlite::SqlitePool;
use sqlx::{SqliteConnection, query};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::session::{FilesRow, LineRow, NewSession, SessionEnd};
use super::{StoreError, begin, signed};

/// Writes of one transaction: at 50 us each it has the write lock for 13 ms.
const MAX_BATCH: usize = 256;

/// What is written.
#[derive(Debug)]
pub(super) enum Write {
    Open(Box<NewSession>),
    Line { session: [u8; 16], line: LineRow },
    FilesLine { session: [u8; 16], beside: FilesRow },
    Close { session: [u8; 16], end: SessionEnd },
}

#[derive(Debug)]
struct Job {
    write: Write,
    done: oneshot::Sender<Result<bool, StoreError>>,
}

/// The task and the way to it. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    _task: JoinSet<()>,
}

impl Writer {
    /// Starts the task, in the runtime of the caller.
    pub(super) fn start(pool: SqlitePool) -> Self {
        let (jobs, arrivals) = mpsc::channel(MAX_BATCH);
        let mut task = JoinSet::new();
        task.spawn(run(pool, arrivals));
        Self { jobs, _task: task }
    }

    /// Waits until it is on disk, and says whether it changed a row.
    pub(super) async fn write(&self, write: Write) -> Result<bool, StoreError> {
        let (done, written) = oneshot::channel();
        let ended = |()| StoreError::Query(sqlx::Error::PoolClosed);
        self.jobs.send(Job { write, done }).await.map_err(|_| ended(()))?;
        written.await.map_err(|_| ended(()))?
    }
}

async fn run(pool: SqlitePool, mut arrivals: mpsc::Receiver<Job>) {
    let mut jobs = Vec::new();
    while arrivals.recv_many(&mut jobs, MAX_BATCH).await > 0 {
        let (writes, waiting): (Vec<_>, Vec<_>) =
            jobs.drain(..).map(|job| (job.write, job.done)).unzip();
        for (result, done) in write(&pool, &writes).await.into_iter().zip(waiting) {
            // Whoever waited may have given up; it is written all the same.
            drop(done.send(result));
        }
    }
}

/// All in one transaction; where one of them cannot be written, each in one of its own.
async fn write(pool: &SqlitePool, writes: &[Write]) -> Vec<Result<bool, StoreError>> {
    match together(pool, writes).await {
        Ok(changed) => changed.into_iter().map(Ok).collect(),
        Err(error) if writes.len() == 1 => vec![Err(error)],
        Err(_) => {
            let mut results = Vec::with_capacity(writes.len());
            for write in writes {
                let alone = together(pool, std::slice::from_ref(write)).await;
                results.push(alone.map(|changed| changed.contains(&true)));
            }
            results
        }
    }
}

async fn together(pool: &SqlitePool, writes: &[Write]) -> Result<Vec<bool>, StoreError> {
    let mut writing = begin(pool).await?;
    let mut changed = Vec::with_capacity(writes.len());
    for write in writes {
        changed.push(match write {
            Write::Open(new) => open(&mut writing, new).await?,
            Write::Line { session, line } => add_line(&mut writing, session, line).await?,
            Write::FilesLine { session, beside } => {
                keep_files_line(&mut writing, session, beside).await?
            }
            Write::Close { session, end } => close(&mut writing, session, end).await?,
        });
    }
    writing.commit().await?;
    Ok(changed)
}

async fn open(writing: &mut SqliteConnection, new: &NewSession) -> Result<bool, StoreError> {
    let back = &new.back;
    query(
        "INSERT INTO sessions (session, ticket, technician, nameplate, opened_at, recording, \
         agent_key, technician_key, agent_token, technician_token, transcript, policy, \
         technician_serial) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(new.session.as_slice())
    .bind(&new.ticket)
    .bind(&new.technician)
    .bind(&new.nameplate)
    .bind(signed(new.opened_at)?)
    .bind(&new.recording)
    .bind(back.keys.agent.as_slice())
    .bind(back.keys.technician.as_slice())
    .bind(back.tokens.agent.as_slice())
    .bind(back.tokens.technician.as_slice())
    .bind(back.transcript.as_slice())
    .bind(signed(back.policy)?)
    .bind(signed(new.serial)?)
    .execute(&mut *writing)
    .await?;
    add_line(writing, &new.session, &new.line).await
}

async fn add_line(
    writing: &mut SqliteConnection,
    session: &[u8; 16],
    line: &LineRow,
) -> Result<bool, StoreError> {
    query(
        "INSERT INTO lines (session, number, agent_label, technician_label) \
         VALUES ($1, $2, $3, $4)",
    )
    .bind(session.as_slice())
    .bind(i64::from(line.number))
    .bind(line.labels.agent.as_slice())
    .bind(line.labels.technician.as_slice())
    .execute(writing)
    .await?;
    Ok(true)
}

async fn keep_files_line(
    writing: &mut SqliteConnection,
    session: &[u8; 16],
    beside: &FilesRow,
) -> Result<bool, StoreError> {
    query(
        "INSERT INTO files_lines (session, line, number, agent_label, technician_label) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (session) DO UPDATE SET line = excluded.line, \
         number = excluded.number, agent_label = excluded.agent_label, \
         technician_label = excluded.technician_label",
    )
    .bind(session.as_slice())
    .bind(i64::from(beside.line))
    .bind(i64::from(beside.number))
    .bind(beside.labels.agent.as_slice())
    .bind(beside.labels.technician.as_slice())
    .execute(writing)
    .await?;
    Ok(true)
}

async fn close(
    writing: &mut SqliteConnection,
    session: &[u8; 16],
    end: &SessionEnd,
) -> Result<bool, StoreError> {
    let done = query(
        "UPDATE sessions SET closed_at = $1, reason = $2, bytes = $3, hash = $4 \
         WHERE session = $5 AND closed_at IS NULL",
    )
    .bind(signed(end.closed_at)?)
    .bind(i64::from(end.reason))
    .bind(signed(end.bytes)?)
    .bind(end.hash.as_ref().map(<[u8; 32]>::as_slice))
    .bind(session.as_slice())
    .execute(writing)
    .await?;
    Ok(done.rows_affected() == 1)
}
