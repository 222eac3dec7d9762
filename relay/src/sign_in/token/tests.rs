//! Tokens of a provider that is made here, each wrong in one way.

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{EncodingKey, Header};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::json;

use super::*;

const NOW: u64 = 1_795_305_600;
const NONCE: &str = "the nonce of the key";

struct Maker {
    key: EncodingKey,
    keys: JwkSet,
}

impl Maker {
    fn new() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let x = BASE64URL_NOPAD.encode(pair.public_key().as_ref());
        let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "one", "alg": "EdDSA", "x": x});
        let keys = serde_json::from_value(json!({"keys": [key]})).unwrap();
        Self { key: EncodingKey::from_ed_der(document.as_ref()), keys }
    }

    fn token(&self, kid: &str, claims: &Value) -> String {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, claims, &self.key).unwrap()
    }
}

fn settings() -> Settings {
    let roles = [("helpdesk", "technician"), ("leads", "technician,lead"), ("audit", "auditor")];
    Settings {
        issuer: "https://id.example".to_owned(),
        client_id: "deskside".to_owned(),
        scope: "openid".to_owned(),
        groups_claim: "groups".to_owned(),
        login_claim: "preferred_username".to_owned(),
        roles: roles.map(|(group, roles)| (group.to_owned(), roles.parse().unwrap())).into(),
        lifetime: super::super::settings::LIFETIME,
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://id.example", "sub": "17", "aud": "deskside", "exp": NOW + 3600,
        "iat": NOW - 5, "nonce": NONCE, "preferred_username": "Bob", "name": "Bob Lee",
        "groups": ["staff", "helpdesk"],
    })
}

fn judged(keys: &JwkSet, token: &str) -> Result<Person, TokenError> {
    let settings = settings();
    let expected = Expected { settings: &settings, nonce: NONCE.to_owned(), now: NOW };
    judge(token, &head(token)?, keys, &expected)
}

#[test]
fn a_good_token_names_a_person() {
    let maker = Maker::new();
    let bob = judged(&maker.keys, &maker.token("one", &claims())).unwrap();
    assert_eq!((bob.login.as_str(), bob.name.as_str()), ("bob", "Bob Lee"));
    assert_eq!(bob.subject, "https://id.example 17");
    assert_eq!(bob.roles.to_string(), "technician");
    let mut both = claims();
    both["groups"] = json!(["audit", "leads"]);
    both["aud"] = json!(["other", "deskside"]);
    both["azp"] = json!("deskside");
    let both = judged(&maker.keys, &maker.token("one", &both)).unwrap();
    assert_eq!(both.roles.to_string(), "technician,lead,auditor");
}

#[test]
fn each_claim_that_is_wrong_or_missing_is_named() {
    let maker = Maker::new();
    let missing = |what: &str| TokenError::Missing(what.to_owned());
    for (claim, value, error) in [
        ("iss", json!("https://id.example/"), TokenError::Issuer),
        ("aud", json!("another"), TokenError::Audience),
        ("aud", json!(["deskside", "another"]), TokenError::Audience),
        ("aud", json!([]), TokenError::Audience),
        ("azp", json!("another"), TokenError::Audience),
        ("nonce", json!("another"), TokenError::Nonce),
        ("nonce", Value::Null, TokenError::Nonce),
        ("exp", json!(NOW - SKEW), TokenError::Time),
        ("exp", json!("9999999999"), missing("claims")),
        ("exp", Value::Null, missing("claims")),
        ("iat", json!(NOW - MAX_AGE - 1), TokenError::Time),
        ("iat", json!(NOW + SKEW + 1), TokenError::Time),
        ("iat", Value::Null, missing("claims")),
        ("sub", json!(""), missing("sub")),
        ("sub", json!(17), missing("claims")),
        ("preferred_username", json!(" "), missing("preferred_username")),
        ("preferred_username", json!(["bob"]), missing("preferred_username")),
        ("groups", json!(["staff"]), TokenError::NoRole),
        ("groups", json!({"helpdesk": true}), TokenError::NoRole),
        ("groups", Value::Null, TokenError::NoRole),
    ] {
        let mut claims = claims();
        claims[claim] = value.clone();
        let judged = judged(&maker.keys, &maker.token("one", &claims));
        assert_eq!(judged.unwrap_err(), error, "{claim}: {value}");
    }
}

#[test]
fn only_the_provider_s_own_signature_counts() {
    let (maker, other) = (Maker::new(), Maker::new());
    let good = maker.token("one", &claims());
    assert_eq!(judged(&maker.keys, &maker.token("two", &claims())), Err(TokenError::UnknownKey));
    assert_eq!(judged(&other.keys, &good), Err(TokenError::Signature));
    // Without a signature, and signed with the public key as if it were a secret.
    let none = BASE64URL_NOPAD.encode(br#"{"alg":"none","kid":"one"}"#);
    let body = good.split('.').nth(1).unwrap();
    assert_eq!(judged(&maker.keys, &format!("{none}.{body}.")), Err(TokenError::Shape));
    let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::HS256) };
    let secret = EncodingKey::from_secret(b"x");
    let shared = jsonwebtoken::encode(&header, &claims(), &secret).unwrap();
    assert_eq!(judged(&maker.keys, &shared), Err(TokenError::Algorithm));
    // An algorithm of another kind of key.
    let mixed = BASE64URL_NOPAD.encode(br#"{"alg":"RS256","kid":"one"}"#);
    let mixed = judged(&maker.keys, &format!("{mixed}.{body}.AAAA"));
    assert_eq!(mixed, Err(TokenError::Algorithm));
}

#[test]
fn no_flipped_bit_counts() {
    let maker = Maker::new();
    let good = maker.token("one", &claims());
    for at in (0..good.len()).step_by(7) {
        let mut bytes = good.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(flipped) = String::from_utf8(bytes) else { continue };
        // The last character of base64 has bits that mean nothing.
        let same = |part: usize| {
            let bytes = |token: &str| {
                BASE64URL_NOPAD.decode(token.split('.').nth(part).unwrap_or("").as_bytes()).ok()
            };
            bytes(&flipped) == bytes(&good)
        };
        assert!(judged(&maker.keys, &flipped).is_err() || (same(0) && same(1) && same(2)), "{at}");
    }
}
