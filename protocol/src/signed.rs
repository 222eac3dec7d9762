//! A body and one signature over it, under a context of its own.

use prost::Message;

use crate::key::{BadSignature, Context, PublicKey, SigningKey};
use crate::wire::record::Signed;

/// Signs `body` as it stands; readers verify these very bytes before they parse them.
#[must_use]
pub fn sign(key: &SigningKey, context: Context, body: Vec<u8>) -> Signed {
    let signature = key.sign(context, &[&body]);
    Signed { body: body.into(), signature: signature.to_vec().into() }
}

/// Encodes and signs a protobuf message.
#[must_use]
pub fn sign_message(key: &SigningKey, context: Context, message: &impl Message) -> Signed {
    sign(key, context, message.encode_to_vec())
}

/// The body, once its signature was verified.
///
/// # Errors
/// [`BadSignature`].
pub fn open<'a>(
    signed: &'a Signed,
    key: &PublicKey,
    context: Context,
) -> Result<&'a [u8], BadSignature> {
    key.verify(context, &[&signed.body], &signed.signature)?;
    Ok(&signed.body)
}
