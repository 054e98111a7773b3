//! Passwords: argon2id (19 MiB, 2 passes, 1 lane), a bounded number at a time.

use crate::error::Error;
use crate::state::State;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use std::sync::LazyLock;

/// Longest password, in characters; the least a site should allow is 64.
const MAX: usize = 256;

/// The 3,000 commonest of at least 8 characters, one a line, lower case.
static COMMON: LazyLock<std::collections::HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// Something to verify against when the account does not exist, so that both take as long.
static NOBODY: LazyLock<String> =
    LazyLock::new(|| compute("nobody has this password").unwrap_or_default());

fn argon2() -> Argon2<'static> {
    Argon2::new(
        Algorithm::Argon2id,
        Version::V0x13,
        Params::new(19_456, 2, 1, None).unwrap_or_default(),
    )
}

/// Errors: `Invalid` if shorter than 8 characters, longer than 256, or one of the commonest.
pub fn check(password: &str) -> Result<(), Error> {
    let length = password.chars().count();
    if length < 8 {
        return Err(Error::invalid("password", "Use at least 8 characters."));
    }
    if length > MAX {
        return Err(Error::invalid("password", "Use at most 256 characters."));
    }
    if COMMON.contains(password.to_lowercase().as_str()) {
        return Err(Error::invalid(
            "password",
            "This is one of the commonest passwords, and the first to be guessed. Choose another.",
        ));
    }
    Ok(())
}

/// The password's hash in PHC format.
pub async fn hash(state: &State, password: String) -> Result<String, Error> {
    compute_bounded(state, move || compute(&password))
        .await?
        .ok_or_else(Error::internal)
}

/// Whether `password` fits `hash`; `None` takes as long and is false.
pub async fn verify(state: &State, password: String, hash: Option<String>) -> Result<bool, Error> {
    compute_bounded(state, move || {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.clone());
        let fits = PasswordHash::new(&hash)
            .is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok());
        fits && known
    })
    .await
}

async fn compute_bounded<T: Send + 'static>(
    state: &State,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let _permit = state
        .hashing
        .acquire()
        .await
        .map_err(|_| Error::unavailable())?;
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Error::internal())
}

fn compute(password: &str) -> Option<String> {
    let salt = SaltString::encode_b64(&rand::random::<[u8; 16]>()).ok()?;
    Some(
        argon2()
            .hash_password(password.as_bytes(), &salt)
            .ok()?
            .to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_endless_and_common_passwords_are_refused() {
        for bad in [
            "",
            "1234567",
            "password",
            "PASSWORD",
            "iloveyou",
            &"x".repeat(257),
        ] {
            assert_eq!(
                check(bad).unwrap_err().field.as_deref(),
                Some("password"),
                "{bad:?}"
            );
        }
        for good in ["mornings are slow", "pässwört-9", &"x".repeat(64)] {
            check(good).unwrap();
        }
    }

    #[test]
    fn hashes_are_argon2id_with_our_parameters_and_salted() {
        let hash = compute("mornings are slow").unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert_ne!(hash, compute("mornings are slow").unwrap());
    }
}
