//! Signing as Standard Webhooks has it: HMAC-SHA256 over "id.timestamp.body", with a secret that both
//! sides know. A secret has to be used again and again, so it is kept as it is, in the database, and
//! whoever reads the database can sign.

use crate::event::Timestamp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;

const PREFIX: &str = "whsec_";
/// How long the secret before the last one signs too.
pub const OVERLAP: TimeDelta = TimeDelta::hours(24);

/// A new secret: 32 random bytes.
pub fn generate() -> String {
    format!("{PREFIX}{}", STANDARD.encode(rand::random::<[u8; 32]>()))
}

/// What an endpoint's requests are signed with, or let in by.
#[derive(Clone)]
pub struct Secrets {
    pub current: String,
    old: Option<String>,
}

impl Secrets {
    /// `old` counts until `old_until`.
    pub fn at(at: Timestamp, current: String, old: String, old_until: Timestamp) -> Secrets {
        Secrets {
            current,
            old: (!old.is_empty() && at < old_until).then_some(old),
        }
    }

    /// The header `webhook-signature`: a signature for each secret that counts. `None`: a secret is
    /// none of ours.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> Option<String> {
        let secrets = [Some(&self.current), self.old.as_ref()];
        let signatures: Option<Vec<String>> = secrets
            .into_iter()
            .flatten()
            .map(|secret| sign(secret, id, timestamp, body))
            .collect();
        Some(signatures?.join(" "))
    }
}

/// Nothing of it.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secrets)")
    }
}

fn sign(secret: &str, id: &str, timestamp: i64, body: &str) -> Option<String> {
    let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Some(format!(
        "v1,{}",
        STANDARD.encode(mac.finalize().into_bytes())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::from_micros;

    /// The example of the specification's own test vectors.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_specifications_example_is_signed_alike() {
        let signed = sign(SECRET, ID, 1_614_265_330, BODY);
        assert_eq!(signed.as_deref(), Some(SIGNATURE));
        assert_eq!(sign("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ID, 1, BODY), None);
        assert_eq!(sign("whsec_no base64", ID, 1, BODY), None);
    }

    #[test]
    fn two_secrets_sign_until_the_overlap_is_over() {
        let (new, old) = (generate(), SECRET.to_owned());
        assert!(new.starts_with("whsec_") && new != generate());
        let signed = |at| {
            let secrets = Secrets::at(from_micros(at), new.clone(), old.clone(), from_micros(10));
            secrets.sign(ID, 1_614_265_330, BODY).unwrap()
        };
        let both: Vec<String> = signed(9).split(' ').map(str::to_owned).collect();
        assert_eq!(both.len(), 2);
        assert_eq!(both[1], SIGNATURE);
        assert_eq!(signed(10), both[0]);
        let secrets = Secrets::at(from_micros(0), new.clone(), old, from_micros(10));
        assert!(!format!("{secrets:?}").contains(&new[6..]));
    }
}
