//! Who we are, for push services: RFC 8292. A token that we sign says for which service it is, until
//! when it holds, and whom its operator writes to if we misbehave.

use super::encrypt::{decode, encode, new_key};
use anyhow::{Context, anyhow, ensure};
use app::db::Db;
use app::notifications::push;
use p256::SecretKey;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::json;

/// How long a token holds, in seconds; services take a day at most.
const HOLDS: i64 = 12 * 60 * 60;

/// The key pair of this installation, and whom to write to.
#[derive(Clone)]
pub struct Vapid {
    key: SigningKey,
    public: String,
    /// mailto: or https:
    subject: String,
}

/// How to come by it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// 32 bytes in base64url; none: the one that the database keeps.
    pub private: Option<crate::config::Secret>,
    pub subject: String,
}

impl Vapid {
    pub fn new(private: &str, subject: &str) -> anyhow::Result<Vapid> {
        let wrong = || {
            anyhow!(
                "The private key of Web Push is none: 32 bytes in base64url are. `todo vapid` makes one."
            )
        };
        let bytes = decode(private).map_err(|_| wrong())?;
        ensure!(bytes.len() == 32, wrong());
        let key = SecretKey::from_slice(&bytes).map_err(|_| wrong())?;
        Ok(Vapid {
            public: encode(&key.public_key().to_sec1_bytes()),
            key: SigningKey::from(key),
            subject: subject.into(),
        })
    }

    /// The configuration's, or else the database's, which is made when it is first asked for: then
    /// there is nothing to set up.
    pub async fn load(settings: &Settings, db: &Db) -> anyhow::Result<Vapid> {
        let private = match &settings.private {
            Some(private) => private.to_string(),
            None => {
                let fresh = new_private_key();
                db.write::<_, sqlx::Error, _>(move |tx| {
                    Box::pin(async move { push::key(tx, &fresh).await })
                })
                .await
                .context("The key of Web Push cannot be read from the database")?
            }
        };
        Vapid::new(&private, &settings.subject)
    }

    /// By which browsers and push services know us.
    pub fn public_key(&self) -> &str {
        &self.public
    }

    /// The header `Authorization` of a request to a push service of this origin. `now` in seconds
    /// since 1970.
    pub fn authorization(&self, origin: &str, now: i64) -> String {
        let head = json!({"typ": "JWT", "alg": "ES256"});
        let claims = json!({"aud": origin, "exp": now + HOLDS, "sub": self.subject});
        let part = |json: serde_json::Value| encode(json.to_string().as_bytes());
        let token = format!("{}.{}", part(head), part(claims));
        let signature: Signature = self.key.sign(token.as_bytes());
        let signature = encode(&signature.to_bytes());
        format!("vapid t={token}.{signature}, k={}", self.public)
    }
}

/// 32 bytes in base64url.
pub fn new_private_key() -> String {
    encode(&new_key().to_bytes())
}

/// What `todo vapid` prints.
pub fn pair() -> anyhow::Result<String> {
    let private = new_private_key();
    let public = Vapid::new(&private, "")?.public;
    Ok(format!(
        "TODO_VAPID_PRIVATE_KEY={private}\n# Its public key, by which browsers know it: {public}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::ecdsa::VerifyingKey;
    use p256::ecdsa::signature::Verifier;

    #[test]
    fn a_token_is_signed_and_says_for_whom_and_until_when() {
        let vapid = Vapid::new(&new_private_key(), "mailto:ada@example.com").unwrap();
        let header = vapid.authorization("https://push.example.com", 1_000);
        let (token, key) = header
            .strip_prefix("vapid t=")
            .unwrap()
            .split_once(", k=")
            .unwrap();
        assert_eq!(key, vapid.public_key());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let claims = decode(signed.split_once('.').unwrap().1).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["aud"], "https://push.example.com");
        assert_eq!(claims["exp"], 1_000 + HOLDS);
        assert_eq!(claims["sub"], "mailto:ada@example.com");
        let key = VerifyingKey::from_sec1_bytes(&decode(key).unwrap()).unwrap();
        let signature = Signature::from_slice(&decode(signature).unwrap()).unwrap();
        key.verify(signed.as_bytes(), &signature).unwrap();
    }

    #[test]
    fn a_pair_is_one_and_what_is_none_is_refused() {
        let printed = pair().unwrap();
        let line = printed.lines().next().unwrap();
        let private = line.strip_prefix("TODO_VAPID_PRIVATE_KEY=").unwrap();
        let vapid = Vapid::new(private, "").unwrap();
        assert!(printed.contains(vapid.public_key()));
        assert_eq!(decode(vapid.public_key()).unwrap().len(), 65);
        for bad in ["", "hush", &"A".repeat(43), &private[..40]] {
            let error = Vapid::new(bad, "").err().unwrap().to_string();
            assert!(error.contains("todo vapid") && !error.contains("hush"));
        }
    }
}
