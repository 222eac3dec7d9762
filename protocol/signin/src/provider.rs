//! What an OpenID provider says of itself (OpenID Connect Discovery 1.0, section 3).

use serde::Deserialize;

use crate::web::{self, WebError};

/// A provider's addresses. Each may be asked: [`web::is_allowed`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Provider {
    /// Who it is; exactly the one that was looked for.
    pub issuer: String,
    /// Where a browser is sent.
    pub authorization_endpoint: String,
    /// Where a code becomes a token.
    pub token_endpoint: String,
    /// Its signing keys.
    pub jwks_uri: String,
}

impl Provider {
    /// Fetches the description of `issuer`.
    ///
    /// # Errors
    /// [`WebError`].
    pub fn discover(issuer: &str) -> Result<Self, WebError> {
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let answer = web::get(&url)?;
        Self::read(&answer.body, issuer, &url)
    }

    fn read(body: &[u8], issuer: &str, url: &str) -> Result<Self, WebError> {
        let wrong =
            |why| WebError::NoProvider { url: url.to_owned(), issuer: issuer.to_owned(), why };
        let provider: Self =
            serde_json::from_slice(body).map_err(|_| wrong("its description cannot be read"))?;
        if provider.issuer != issuer {
            return Err(wrong("it calls itself another one"));
        }
        if provider.addresses().all(web::is_allowed) {
            Ok(provider)
        } else {
            Err(wrong("it names an address that is not https"))
        }
    }

    fn addresses(&self) -> impl Iterator<Item = &str> {
        let named = [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri];
        named.into_iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(issuer: &str, tokens: &str) -> String {
        format!(
            "{{\"issuer\":\"{issuer}\",\"authorization_endpoint\":\"https://id.example/a\",\
             \"token_endpoint\":\"{tokens}\",\"jwks_uri\":\"https://id.example/j\",\"x\":1}}"
        )
    }

    #[test]
    fn only_the_one_that_was_looked_for_counts() {
        let read = |text: String| Provider::read(text.as_bytes(), "https://id.example", "u");
        let good = read(description("https://id.example", "https://id.example/t")).unwrap();
        assert_eq!(good.token_endpoint, "https://id.example/t");
        for bad in [
            description("https://id.example/", "https://id.example/t"),
            description("https://evil.example", "https://id.example/t"),
            description("https://id.example", "http://id.example/t"),
            "{}".to_owned(),
            String::new(),
        ] {
            assert!(matches!(read(bad), Err(WebError::NoProvider { .. })));
        }
    }
}
