-- The same table as migrations/postgres/0012_web_push.sql.

-- Where a browser takes messages, for as long as the session lasts that asked for them there.
create table push_subscriptions (
    -- Never given twice: deliveries name it.
    subscription_id integer primary key autoincrement,
    session_id text not null unique references sessions (session_id) on delete cascade,
    user_id    text not null references users (user_id) on delete cascade,
    endpoint   text not null unique,
    -- The browser's key and secret, and the key of ours that it takes messages from, in base64url.
    p256dh     text not null,
    auth       text not null,
    server_key text not null,
    created_at bigint not null,
    -- When a test was asked for last.
    tested_at  bigint not null default 0
);
create index push_subscriptions_user on push_subscriptions (user_id);
