//! Which entries of the log of sessions are about which session. The log itself is the truth: this
//! is an index over as much of it as was read so far.

use super::{Store, StoreError, array, maybe_number, number, signed};

/// Kinds of entries, as the index has them.
pub(crate) const OPEN: u8 = 1;
pub(crate) const CLOSE: u8 = 2;

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeafRow {
    /// Its number in the log.
    pub number: u64,
    /// The session that it is about; zeros for an entry of a later version.
    pub session: [u8; 16],
    /// 1 open, 2 close, 3 access, 4 hold, 5 shred, 0 of a later version.
    pub kind: u8,
}

impl Store {
    /// How many entries are indexed. What is indexed beyond `size` is of another log and forgotten.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn indexed(&self, size: u64) -> Result<u64, StoreError> {
        let row =
            sqlx::query("SELECT MAX(number) AS last FROM leaves").fetch_one(&self.pool).await?;
        let indexed = maybe_number(&row, "last")?.map_or(0, |last| last + 1);
        if indexed <= size {
            return Ok(indexed);
        }
        let mut writing = self.writing().await?;
        sqlx::query("DELETE FROM leaves").execute(&mut *writing).await?;
        writing.commit().await?;
        Ok(0)
    }

    /// Indexes entries, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn index(&self, leaves: &[LeafRow]) -> Result<(), StoreError> {
        let mut writing = self.writing().await?;
        for leaf in leaves {
            sqlx::query(
                "INSERT INTO leaves (number, session, kind, unclosed) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (number) DO NOTHING",
            )
            .bind(signed(leaf.number)?)
            .bind(leaf.session.as_slice())
            .bind(i64::from(leaf.kind))
            .bind(i64::from(leaf.kind == OPEN))
            .execute(&mut *writing)
            .await?;
            if leaf.kind == CLOSE {
                sqlx::query("UPDATE leaves SET unclosed = 0 WHERE session = $1 AND kind = $2")
                    .bind(leaf.session.as_slice())
                    .bind(i64::from(OPEN))
                    .execute(&mut *writing)
                    .await?;
            }
        }
        Ok(writing.commit().await?)
    }

    /// Numbers of the entries of a session, in order: those about its recording first where there
    /// are more than `most`, then the newest others.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn leaves_of(&self, session: &[u8; 16], most: u32) -> Result<Vec<u64>, StoreError> {
        let rows = sqlx::query(
            "SELECT number FROM (SELECT number FROM leaves WHERE session = $1 \
             ORDER BY kind IN (1, 2, 5) DESC, number DESC LIMIT $2) AS some ORDER BY number",
        )
        .bind(session.as_slice())
        .bind(i64::from(most))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| number(row, "number")).collect()
    }

    /// Sessions whose beginning is in the log and whose end is not, the oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unclosed_leaves(&self) -> Result<Vec<[u8; 16]>, StoreError> {
        let rows = sqlx::query("SELECT session FROM leaves WHERE unclosed = 1 ORDER BY number")
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| array(row, "session")).collect()
    }
}

#[cfg(test)]
pub(in crate::store) mod tests {
    use super::*;
    use crate::store::{Back, LineRow, NewSession};
    use deskside_protocol::session::Ends;
    use tempfile::TempDir;

    /// A database with a session whose id is 16 times `id`, begun at 100 s.
    pub(crate) async fn with_session(id: u8) -> (Store, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("relay.db")).await.unwrap();
        store.open_session(session(id)).await.unwrap();
        (store, folder)
    }

    pub(crate) fn session(id: u8) -> NewSession {
        NewSession {
            session: [id; 16],
            ticket: "1001".into(),
            technician: "alice".into(),
            serial: 1,
            nameplate: "48219".into(),
            opened_at: 100,
            recording: format!("{id}.dsr"),
            back: Back {
                keys: Ends { agent: [id; 32], technician: [id + 100; 32] },
                tokens: Ends { agent: [id; 16], technician: [id + 100; 16] },
                transcript: [id; 32],
                policy: 3,
            },
            line: LineRow { number: 0, labels: Ends { agent: [id; 8], technician: [id + 100; 8] } },
        }
    }

    fn leaf(number: u64, id: u8, kind: u8) -> LeafRow {
        LeafRow { number, session: [id; 16], kind }
    }

    #[tokio::test]
    async fn the_index_knows_what_is_open_and_starts_again_for_another_log() {
        let (store, _folder) = with_session(1).await;
        assert_eq!(store.indexed(0).await.unwrap(), 0);
        let some = [leaf(0, 1, OPEN), leaf(1, 2, OPEN), leaf(2, 1, 3), leaf(3, 1, CLOSE)];
        store.index(&some).await.unwrap();
        store.index(&some[2..]).await.unwrap();
        assert_eq!(store.indexed(4).await.unwrap(), 4);
        assert_eq!(store.unclosed_leaves().await.unwrap(), [[2; 16]]);
        assert_eq!(store.leaves_of(&[1; 16], 9).await.unwrap(), [0, 2, 3]);
        assert_eq!(store.leaves_of(&[1; 16], 2).await.unwrap(), [0, 3]);
        assert_eq!(store.indexed(3).await.unwrap(), 0);
        assert_eq!(store.unclosed_leaves().await.unwrap(), [[0; 16]; 0]);
    }
}
