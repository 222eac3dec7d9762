//! Recordings by what auditors know of them: ticket, person, time.

use sqlx::{QueryBuilder, Sqlite};

use super::session::session_row;
use super::{SessionRow, Store, StoreError, signed};

/// Which recordings are asked for: those that fit all of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Listed<'a> {
    /// Of sessions of this ticket.
    pub ticket: Option<&'a str>,
    /// Of sessions of this technician, by login.
    pub technician: Option<&'a str>,
    /// Opened then or later, in seconds.
    pub from: u64,
    /// Opened before, in seconds.
    pub to: Option<u64>,
    /// Those that follow this one.
    pub behind: Option<&'a SessionRow>,
}

impl Store {
    /// Sessions with a recording that fit, the newest first, at most `most`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn recordings(
        &self,
        wanted: Listed<'_>,
        most: u32,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let begun = "SELECT * FROM sessions WHERE recording <> '' AND opened_at >= ";
        let mut query = QueryBuilder::<Sqlite>::new(begun);
        query.push_bind(signed(wanted.from)?);
        if let Some(to) = wanted.to {
            query.push(" AND opened_at < ").push_bind(signed(to)?);
        }
        if let Some(ticket) = wanted.ticket {
            query.push(" AND ticket = ").push_bind(ticket);
        }
        if let Some(technician) = wanted.technician {
            query.push(" AND technician = ").push_bind(technician);
        }
        if let Some(last) = wanted.behind {
            let opened = signed(last.opened_at)?;
            query.push(" AND (opened_at < ").push_bind(opened);
            query.push(" OR (opened_at = ").push_bind(opened);
            query.push(" AND session > ").push_bind(last.session.as_slice()).push("))");
        }
        query.push(" ORDER BY opened_at DESC, session LIMIT ").push_bind(i64::from(most));
        let rows = query.build().fetch_all(&self.pool).await?;
        rows.iter().map(session_row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::NewSession;
    use crate::store::leaves::tests::session;

    /// Seven recordings: of two tickets, two people, and three of one second.
    async fn filled() -> (Store, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("relay.db")).await.unwrap();
        for (id, ticket, technician, opened_at) in [
            (1, "1001", "alice", 100),
            (2, "1001", "bob", 200),
            (3, "1002", "alice", 300),
            (4, "1001", "alice", 300),
            (5, "1002", "bob", 300),
            (6, "1002", "alice", 400),
        ] {
            let (ticket, technician) = (ticket.into(), technician.into());
            let new = NewSession { ticket, technician, opened_at, ..session(id) };
            store.open_session(new).await.unwrap();
        }
        let unrecorded = NewSession { recording: String::new(), ..session(7) };
        store.open_session(unrecorded).await.unwrap();
        (store, folder)
    }

    async fn ids(store: &Store, wanted: Listed<'_>, most: u32) -> Vec<u8> {
        let rows = store.recordings(wanted, most).await.unwrap();
        rows.iter().map(|row| row.session[0]).collect()
    }

    #[tokio::test]
    async fn what_is_asked_for_comes_the_newest_first() {
        let (store, _folder) = filled().await;
        let all = Listed::default();
        assert_eq!(ids(&store, all, 9).await, [6, 3, 4, 5, 2, 1], "7 was not recorded");
        let ticket = Some("1001");
        assert_eq!(ids(&store, Listed { ticket, ..all }, 9).await, [4, 2, 1]);
        let technician = Some("alice");
        assert_eq!(ids(&store, Listed { technician, ..all }, 9).await, [6, 3, 4, 1]);
        assert_eq!(ids(&store, Listed { ticket, technician, ..all }, 9).await, [4, 1]);
        let (from, to) = (200, Some(300));
        assert_eq!(ids(&store, Listed { from, ..all }, 9).await, [6, 3, 4, 5, 2]);
        assert_eq!(ids(&store, Listed { to, ..all }, 9).await, [2, 1]);
        assert_eq!(ids(&store, Listed { from, to, ..all }, 9).await, [2]);
        let odd = Some("1001' OR 1 --");
        assert!(ids(&store, Listed { ticket: odd, ..all }, 9).await.is_empty());
    }

    #[tokio::test]
    async fn pages_have_each_one_once_also_within_a_second() {
        let (store, _folder) = filled().await;
        for most in 1..=6 {
            let (mut seen, mut last) = (Vec::new(), None);
            loop {
                let wanted = Listed { behind: last.as_ref(), ..Listed::default() };
                let page = store.recordings(wanted, most).await.unwrap();
                let Some(end) = page.last().cloned() else { break };
                seen.extend(page.iter().map(|row| row.session[0]));
                last = Some(end);
            }
            assert_eq!(seen, [6, 3, 4, 5, 2, 1]);
        }
    }
}
