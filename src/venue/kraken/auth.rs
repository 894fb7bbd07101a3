//! Signs private REST calls.
//!
//! For: an API key whose secret is decoded once and then only exists as prepared hash state. Left out: where secrets come
//! from (`app` resolves references), nonces, OTP. Always true: nothing here prints the secret or the key.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256, Sha512};
use thiserror::Error;
use zeroize::Zeroizing;

/// An API key, ready to sign.
#[derive(Clone)]
pub struct Credentials {
    key: String,
    mac: Hmac<Sha512>,
}

/// A private key that is no base64, or empty.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the API secret is not valid base64")]
pub struct InvalidSecret;

impl Credentials {
    /// Prepares the hash state of a key. The decoded secret is wiped before this returns.
    ///
    /// # Errors
    ///
    /// A secret that is empty or no base64.
    pub fn new(key: String, secret: &SecretString) -> Result<Self, InvalidSecret> {
        let bytes = STANDARD
            .decode(secret.expose_secret().trim())
            .map(Zeroizing::new)
            .map_err(|_malformed| InvalidSecret)?;
        if bytes.is_empty() {
            return Err(InvalidSecret);
        }
        let mac = Hmac::new_from_slice(&bytes).map_err(|_no_length_is_wrong| InvalidSecret)?;
        Ok(Self { key, mac })
    }

    /// The public part, for the `API-Key` header.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The `API-Sign` header of a call: HMAC-SHA-512 of `path ‖ SHA-256(nonce ‖ body)`, in base64.
    ///
    /// `body` must be the exact bytes that are sent, the nonce among them (§4.1).
    #[must_use]
    pub fn sign(&self, path: &str, nonce: u64, body: &str) -> String {
        let mut inner = Sha256::new();
        inner.update(nonce.to_string());
        inner.update(body);
        let mut mac = self.mac.clone();
        mac.update(path.as_bytes());
        mac.update(&inner.finalize());
        STANDARD.encode(mac.finalize().into_bytes())
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str =
        "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";

    fn credentials() -> Credentials {
        Credentials::new("PUBLICKEY".to_owned(), &SECRET.into()).unwrap()
    }

    #[track_caller]
    fn check(path: &str, nonce: u64, body: &str, signature: &str) {
        assert_eq!(credentials().sign(path, nonce, body), signature);
    }

    #[test]
    fn a_form_body_signs_as_documented() {
        check(
            "/0/private/AddOrder",
            1_616_492_376_594,
            "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25",
            "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==",
        );
    }

    #[test]
    fn json_bodies_sign_with_string_and_number_nonces() {
        check(
            "/0/private/AddOrder",
            1_616_492_376_594,
            r#"{"nonce":"1616492376594","ordertype":"limit","pair":"XBTUSD","price":"37500","type":"buy","volume":"1.25"}"#,
            "r/o+GpKxXjV/mls/r5CKLu5R+yzK5psqvQ4hXxMX1nzdxTBhV+ui82QGgPZMMitpFwCOAdPEZMmXgZxD2chJEg==",
        );
        check(
            "/0/private/AddOrder",
            1_616_492_376_594,
            r#"{"nonce":1616492376594,"ordertype":"limit","pair":"XBTUSD","price":"37500","type":"buy","volume":"1.25"}"#,
            "kMkTQfyYJH05IdnWQ9TIqL9Kq+dKqcD5O/TGPPLRwwy1is/YvqEYtMAHf7tXsqwfbLwp7pbzJzWHxzKPnL8rfA==",
        );
    }

    #[test]
    fn a_call_without_parameters_signs_its_nonce_alone() {
        check(
            "/0/private/GetWebSocketsToken",
            1_616_492_376_595,
            "nonce=1616492376595",
            "9+sByJ+GoGcsG24mbEPvXhxunYLRQw1QCR9Y9Cq+7ZKUbYPOvacooUSLgu56t/gXR+hpWD3RrgSUxfDB6rsBkQ==",
        );
    }

    #[test]
    fn debug_prints_stars_and_bad_secrets_are_refused() {
        assert_eq!(format!("{:?}", credentials()), "Credentials(***)");
        for secret in ["", "  ", "not base64!"] {
            let made = Credentials::new("KEY".to_owned(), &secret.into());
            assert_eq!(made.err(), Some(InvalidSecret));
        }
    }
}
