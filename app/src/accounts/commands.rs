//! One function, one transaction.

use super::Zone;
use crate::db::{Db, Tx, now, to_micros};
use crate::error::{Error, Kind};
use crate::event::{
    EventData, UserLoggedIn, UserLoggedOut, UserLoginFailed, UserRegistered, UserRoleChanged,
    UserSettingsChanged,
};
use crate::id::{SessionId, UserId};
use crate::notifications::waiting;
use crate::outbox::{self, Cause, Origin};
use crate::system;
use chrono::Duration;
use std::net::{IpAddr, Ipv6Addr};

/// Failed log-ins allowed in [`WINDOW_MINUTES`], for one account and for one address.
const MAX_FAILURES: (i64, i64) = (10, 50);
const WINDOW_MINUTES: i64 = 15;
/// A session ends when it was not used for so long.
const SESSION_DAYS: i64 = 30;
/// Who acts when nobody knows who it is.
pub const ANYBODY: &str = "anybody";

/// Makes a person and appends `user.registered`. `email` and `name` are checked and as they are
/// kept. Errors: `Conflict` if the address is taken.
pub async fn register(
    tx: &mut Tx,
    cause: &Cause,
    email: &str,
    name: &str,
    password_hash: &str,
) -> Result<(), Error> {
    let registered_at = now();
    let inserted = sqlx::query(
        "insert into users (user_id, email, name, password_hash, created_at) \
         values ($1, $2, $3, $4, $5) on conflict (email) do nothing",
    )
    .bind(&cause.actor_id.0)
    .bind(email)
    .bind(name)
    .bind(password_hash)
    .bind(to_micros(registered_at))
    .execute(&mut **tx)
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(Error::new(
            Kind::Conflict,
            "There is an account with this e-mail address already. Log in instead.",
        )
        .on("email"));
    }
    outbox::open_stream(tx, &cause.actor_id).await?;
    let data = UserRegistered {
        user_id: cause.actor_id.clone(),
        email: email.into(),
        name: name.into(),
        registered_at,
        source: "web".into(),
    };
    outbox::append(tx, cause, EventData::UserRegistered(data)).await?;
    Ok(())
}

/// Counts an attempt before the password is looked at, so that attempts made at once count too.
/// Errors: `TooMany` for this account or this address.
pub async fn attempt_login(tx: &mut Tx, email: &str, address: &str) -> Result<(), Error> {
    let at = now();
    let since = to_micros(at - Duration::minutes(WINDOW_MINUTES));
    sqlx::query("delete from login_failures where failed_at < $1")
        .bind(since)
        .execute(&mut **tx)
        .await?;
    let [account, address] = subjects(email, address);
    let subjects = [(account, MAX_FAILURES.0), (address, MAX_FAILURES.1)];
    for (subject, most) in &subjects {
        // Attempts that come at once are counted one after the other.
        tx.take_turns(subject).await?;
        let failures: i64 =
            sqlx::query_scalar("select count(*) from login_failures where subject = $1")
                .bind(subject)
                .fetch_one(&mut **tx)
                .await?;
        if failures >= *most {
            return Err(Error::new(
                Kind::TooMany,
                "Too many attempts to log in. Wait a quarter of an hour, then try again.",
            ));
        }
    }
    for (subject, _) in &subjects {
        sqlx::query("insert into login_failures (subject, failed_at) values ($1, $2)")
            .bind(subject)
            .bind(to_micros(at))
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// What attempts are counted of: an account, and where they come from. Whoever has an IPv6 address has
/// the other 2⁶⁴ of its network too.
fn subjects(email: &str, address: &str) -> [String; 2] {
    let network = match address
        .parse()
        .map(|address: IpAddr| address.to_canonical())
    {
        Ok(IpAddr::V6(v6)) => {
            let network = v6.to_bits() >> 64 << 64;
            format!("{}/64", Ipv6Addr::from_bits(network))
        }
        Ok(v4) => v4.to_string(),
        Err(_) => address.to_owned(),
    };
    [format!("account:{email}"), format!("address:{network}")]
}

/// Starts a session. `token_hash` is the SHA-256 of the cookie's token, in hexadecimal.
pub async fn start_session(
    tx: &mut Tx,
    cause: &Cause,
    token_hash: &str,
) -> Result<SessionId, Error> {
    let at = now();
    let session_id = SessionId(uuid::Uuid::new_v4().simple().to_string());
    sqlx::query(
        "insert into sessions (session_id, token_hash, user_id, created_at, last_seen_at, \
         expires_at, user_agent, address) values ($1, $2, $3, $4, $4, $5, $6, $7)",
    )
    .bind(&session_id.0)
    .bind(token_hash)
    .bind(&cause.actor_id.0)
    .bind(to_micros(at))
    .bind(to_micros(at + Duration::days(SESSION_DAYS)))
    .bind(&cause.origin.user_agent)
    .bind(&cause.origin.address)
    .execute(&mut **tx)
    .await?;
    Ok(session_id)
}

/// Tells that a session began by logging in, in the transaction that began it.
pub async fn logged_in(tx: &mut Tx, cause: &Cause, session_id: SessionId) -> Result<(), Error> {
    outbox::lock_stream(tx, &cause.actor_id).await?;
    let Origin {
        address,
        user_agent,
    } = cause.origin.shortened();
    let data = UserLoggedIn {
        user_id: cause.actor_id.clone(),
        session_id,
        address,
        user_agent,
        logged_in_at: now(),
    };
    outbox::append(tx, cause, EventData::UserLoggedIn(data)).await?;
    Ok(())
}

/// Tells that somebody was refused: in the stream of the account, or in the system's if there is no
/// such account. What was typed is not kept. Whoever is slowed down by [`attempt_login`] does not
/// come here, so guessing makes no more events than it has attempts.
pub async fn login_failed(tx: &mut Tx, cause: &Cause, known: Option<UserId>) -> Result<(), Error> {
    let reason = match known {
        Some(_) => "wrong_password",
        None => "unknown_account",
    };
    let user_id = known.unwrap_or_else(|| UserId(system::commands::STREAM.into()));
    system::commands::lock_any_stream(tx, &user_id).await?;
    let Origin {
        address,
        user_agent,
    } = cause.origin.shortened();
    let data = UserLoginFailed {
        user_id,
        reason: reason.into(),
        address,
        user_agent,
        failed_at: now(),
    };
    outbox::append(tx, cause, EventData::UserLoginFailed(data)).await?;
    Ok(())
}

/// A log-in that succeeded is no failed attempt after all.
pub async fn forget_attempts(tx: &mut Tx, email: &str, address: &str) -> Result<(), Error> {
    let [account, address] = subjects(email, address);
    sqlx::query("delete from login_failures where subject = $1")
        .bind(account)
        .execute(&mut **tx)
        .await?;
    sqlx::query(
        "delete from login_failures where subject = $1 and failed_at = \
         (select max(failed_at) from login_failures where subject = $1)",
    )
    .bind(address)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Moves a session's end away from its last use.
pub async fn prolong_session(tx: &mut Tx, session_id: &SessionId) -> Result<(), Error> {
    let at = now();
    sqlx::query("update sessions set last_seen_at = $2, expires_at = $3 where session_id = $1")
        .bind(&session_id.0)
        .bind(to_micros(at))
        .bind(to_micros(at + Duration::days(SESSION_DAYS)))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Ends one of the own sessions of whoever asks, and tells why. Errors: `NotFound` if it is not one.
pub async fn end_session(
    tx: &mut Tx,
    cause: &Cause,
    session_id: &SessionId,
    reason: &str,
) -> Result<(), Error> {
    outbox::lock_stream(tx, &cause.actor_id).await?;
    let ended = sqlx::query("delete from sessions where session_id = $1 and user_id = $2")
        .bind(&session_id.0)
        .bind(&cause.actor_id.0)
        .execute(&mut **tx)
        .await?;
    if ended.rows_affected() == 0 {
        return Err(Error::new(
            Kind::NotFound,
            "This session has ended already.",
        ));
    }
    let Origin {
        address,
        user_agent,
    } = cause.origin.shortened();
    let data = UserLoggedOut {
        user_id: cause.actor_id.clone(),
        session_id: session_id.clone(),
        reason: reason.into(),
        address,
        user_agent,
        logged_out_at: now(),
    };
    outbox::append(tx, cause, EventData::UserLoggedOut(data)).await?;
    Ok(())
}

/// Has the person's days begin where they live.
pub async fn set_zone(tx: &mut Tx, cause: &Cause, zone: Zone) -> Result<(), Error> {
    outbox::lock_stream(tx, &cause.actor_id).await?;
    let old = super::queries::zone(tx, &cause.actor_id).await?;
    if old == Some(zone) {
        return Ok(());
    }
    sqlx::query("update users set time_zone = $2 where user_id = $1")
        .bind(&cause.actor_id.0)
        .bind(zone.name())
        .execute(&mut **tx)
        .await?;
    waiting::follow(tx, &cause.actor_id).await?;
    let old = old.map_or("none", Zone::name).into();
    let new = zone.name().into();
    setting_changed(tx, cause, &cause.actor_id, "time_zone", old, new).await
}

/// The same, unless the person has a time zone already: nobody chose it, so no event tells of it.
pub async fn guess_zone(tx: &mut Tx, user_id: &UserId, zone: Zone) -> Result<(), Error> {
    let guessed =
        sqlx::query("update users set time_zone = $2 where user_id = $1 and time_zone is null")
            .bind(&user_id.0)
            .bind(zone.name())
            .execute(&mut **tx)
            .await?;
    if guessed.rows_affected() == 1 {
        waiting::follow(tx, user_id).await?;
    }
    Ok(())
}

/// Tells that a person set something, unless it was like that before. `old`, `new`: in words.
pub async fn setting_changed(
    tx: &mut Tx,
    cause: &Cause,
    user_id: &UserId,
    setting: &str,
    old: String,
    new: String,
) -> Result<(), Error> {
    if old == new {
        return Ok(());
    }
    let data = UserSettingsChanged {
        user_id: user_id.clone(),
        setting: setting.into(),
        old,
        new,
        changed_at: now(),
    };
    outbox::append(tx, cause, EventData::UserSettingsChanged(data)).await?;
    Ok(())
}

/// Makes the person with this address "admin" or "member", and tells so if they were not; who asks
/// is whoever is at the command line. `false`: there is nobody.
pub async fn set_role(db: &Db, email: &str, role: &'static str) -> Result<bool, Error> {
    let email = email.trim().to_lowercase();
    db.write(move |tx| {
        Box::pin(async move {
            let user_id: Option<String> =
                sqlx::query_scalar("select user_id from users where email = $1")
                    .bind(email)
                    .fetch_optional(&mut **tx)
                    .await?;
            let Some(user_id) = user_id.map(UserId) else {
                return Ok(false);
            };
            outbox::lock_stream(tx, &user_id).await?;
            let old: String = sqlx::query_scalar("select role from users where user_id = $1")
                .bind(&user_id.0)
                .fetch_one(&mut **tx)
                .await?;
            if old == role {
                return Ok(true);
            }
            sqlx::query("update users set role = $2 where user_id = $1")
                .bind(&user_id.0)
                .bind(role)
                .execute(&mut **tx)
                .await?;
            let cause = Cause::unasked(system::commands::OPERATOR);
            let data = UserRoleChanged {
                user_id,
                old,
                new: role.into(),
                changed_at: now(),
            };
            outbox::append(tx, &cause, EventData::UserRoleChanged(data)).await?;
            Ok(true)
        })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::subjects;

    #[test]
    fn an_ipv6_network_is_one_address() {
        let address = |text: &str| subjects("ada@example.com", text)[1].clone();
        assert_eq!(address("203.0.113.7"), "address:203.0.113.7");
        assert_eq!(address("::ffff:203.0.113.7"), "address:203.0.113.7");
        assert_eq!(address("2001:db8:1:2:3:4:5:6"), "address:2001:db8:1:2::/64");
        assert_eq!(address("2001:db8:1:2::9"), address("2001:db8:1:2:ff::"));
        assert_ne!(address("2001:db8:1:3::9"), address("2001:db8:1:2::9"));
        assert_eq!(address(""), "address:");
    }
}
