//! Permits: proofs that the gate was passed, one type for each grant.

use std::marker::PhantomData;

use deskside_protocol::grant::Grant;
use tokio_util::sync::CancellationToken;

use super::doing::Doing;

mod sealed {
    pub trait Sealed {}
}

/// A grant as a type, so that a permit to view cannot start a command.
pub trait Kind: sealed::Sealed + Send + Sync + 'static {
    /// The grant that it stands for.
    const GRANT: Grant;
}

macro_rules! kinds {
    ($($kind:ident),*) => {$(
        #[doc = concat!("The grant [`Grant::", stringify!($kind), "`] as a type.")]
        #[derive(Debug, Clone, Copy)]
        pub enum $kind {}
        impl sealed::Sealed for $kind {}
        impl Kind for $kind {
            const GRANT: Grant = Grant::$kind;
        }
    )*};
}
kinds!(View, Control, Command, Shell, File, Clipboard, Reboot);

/// Proof that the user granted `K`. Only the gate makes one. It cannot be copied; whoever acts under
/// it stops when [`Permit::revoked`] ends, and keeps it as long as he acts: when it is dropped the
/// user is told that the action is over.
#[derive(Debug)]
pub struct Permit<K: Kind> {
    revoked: CancellationToken,
    _doing: Doing,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Permit<K> {
    pub(super) fn new(revoked: CancellationToken, doing: Doing) -> Self {
        Self { revoked, _doing: doing, kind: PhantomData }
    }

    /// Ends once the grant was taken back or the session stopped.
    pub async fn revoked(&self) {
        self.revoked.cancelled().await;
    }

    /// Whether the grant was taken back or the session stopped.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.revoked.is_cancelled()
    }
}
