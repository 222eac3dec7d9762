//! The last head of the relay's log that this program has seen: what a log that was cut back, or
//! told differently to somebody else, does not go on from.

use anyhow::Context as _;
use deskside_protocol::log::SignedHead;

use super::{Home, private};

const HEAD: &str = "log-head";

impl Home {
    /// The last head, as the relay signed it.
    ///
    /// # Errors
    /// A file that cannot be read or holds no head: nothing takes its place by itself.
    pub fn log_head(&self) -> anyhow::Result<Option<SignedHead>> {
        let path = self.log_head_file();
        let Some(note) = private::read(&path)? else { return Ok(None) };
        SignedHead::parse(&note).with_context(|| format!("read {}", path.display())).map(Some)
    }

    /// Keeps a head, unless another program has kept a later one meanwhile.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep_log_head(&self, head: &SignedHead) -> anyhow::Result<()> {
        let known = self.log_head()?.filter(|known| known.head.origin == head.head.origin);
        if known.is_some_and(|known| known.head.size >= head.head.size) {
            return Ok(());
        }
        private::write(&self.log_head_file(), head.encode().as_bytes())
    }

    /// Where it is kept.
    #[must_use]
    pub fn log_head_file(&self) -> std::path::PathBuf {
        self.path().join(HEAD)
    }
}

#[cfg(test)]
mod tests {
    use crate::home::tests::{home_in, key};
    use deskside_protocol::log::Head;

    #[test]
    fn a_head_stays_until_a_later_one_comes() {
        let folder = tempfile::tempdir().unwrap();
        let home = home_in(folder.path());
        assert_eq!(home.log_head().unwrap(), None);
        let head =
            |size| Head { origin: "deskside-log/a".into(), size, root: [1; 32] }.sign(&key(9));
        for (size, kept) in [(5, 5), (7, 7), (6, 7)] {
            home.keep_log_head(&head(size)).unwrap();
            assert_eq!(home.log_head().unwrap(), Some(head(kept)));
        }
        std::fs::write(home.log_head_file(), "zz").unwrap();
        assert!(home.log_head().is_err() && home.keep_log_head(&head(9)).is_err());
    }
}
