//! What lets a letter's reader unsubscribe without logging in: their id, signed by this installation.

use crate::db::Tx;
use crate::id::UserId;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use sqlx::AnyConnection;

type Signature = Hmac<Sha256>;

/// What the key is called, and what is signed beside the id, so that it is good for nothing else.
const PURPOSE: &str = "unsubscribe";

/// The installation's key; made when it is first asked for.
pub async fn key(tx: &mut Tx) -> Result<String, sqlx::Error> {
    if let Some(key) = existing(tx).await? {
        return Ok(key);
    }
    sqlx::query("insert into keys (name, value) values ($1, $2) on conflict (name) do nothing")
        .bind(PURPOSE)
        .bind(hex::encode(rand::random::<[u8; 32]>()))
        .execute(&mut **tx)
        .await?;
    existing(tx).await?.ok_or(sqlx::Error::RowNotFound)
}

async fn existing(conn: &mut AnyConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("select value from keys where name = $1")
        .bind(PURPOSE)
        .fetch_optional(conn)
        .await
}

/// A token for this person. It holds for good: a letter may be read years later.
pub fn sign(key: &str, user_id: &UserId) -> Option<String> {
    let signature = signature(key, user_id)?.finalize().into_bytes();
    Some(format!("{user_id}.{}", hex::encode(signature)))
}

/// Whose token it is, if it is one of ours.
pub async fn verify(conn: &mut AnyConnection, token: &str) -> Result<Option<UserId>, sqlx::Error> {
    let key = existing(conn).await?;
    Ok(key.and_then(|key| whose(&key, token)))
}

fn whose(key: &str, token: &str) -> Option<UserId> {
    let (user_id, given) = token.split_once('.')?;
    let user_id = UserId(user_id.into());
    let given = hex::decode(given).ok()?;
    signature(key, &user_id)?.verify_slice(&given).ok()?;
    Some(user_id)
}

fn signature(key: &str, user_id: &UserId) -> Option<Signature> {
    let mut signature = Signature::new_from_slice(key.as_bytes()).ok()?;
    signature.update(format!("{PURPOSE}\n{user_id}").as_bytes());
    Some(signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_its_persons_and_nobody_elses() {
        let ada = UserId("user-ada".into());
        let token = sign("key", &ada).unwrap();
        assert_eq!(whose("key", &token), Some(ada));
        let signature = token.split_once('.').unwrap().1;
        for forged in [
            format!("user-eve.{signature}"),
            "user-ada.".into(),
            format!("user-ada.{}", "0".repeat(64)),
            format!("user-ada.{}", &signature[..62]),
            signature.into(),
            String::new(),
        ] {
            assert_eq!(whose("key", &forged), None, "{forged}");
        }
        assert_eq!(whose("another key", &token), None);
    }
}
