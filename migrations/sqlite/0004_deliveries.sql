-- The same tables as migrations/postgres/0004_deliveries.sql.

-- What is to leave the house: one row for each event, channel and target, whatever is replayed.
create table deliveries (
    delivery_id integer primary key autoincrement,
    -- What the receiver knows it by, derived from the three that make it unique.
    message_id  text not null unique,
    event_id    text not null,
    channel     text not null,
    target      text not null,
    -- What shares its fate: the target, or the gateway that all of the channel goes through.
    lane        text not null,
    user_id     text not null,
    -- What the channel needs, as JSON.
    payload     text not null,
    traceparent text,
    queued_at   bigint not null,
    -- 'queued', 'sent', 'failed' or 'gone'.
    status      text not null default 'queued',
    due_at      bigint not null,
    -- Somebody is sending it until then, or has died.
    lease_until bigint not null default 0,
    -- All there were, and those since it was queued or queued again.
    attempts    bigint not null default 0,
    tries       bigint not null default 0,
    ended_at    bigint,
    unique (event_id, channel, target)
);
create index deliveries_due on deliveries (channel, lane, due_at) where status = 'queued';
create index deliveries_target on deliveries (channel, target, delivery_id) where status = 'queued';
create index deliveries_user on deliveries (user_id, channel) where status = 'queued';

-- Every attempt: when, how long, how it went, what was answered.
create table delivery_attempts (
    delivery_id bigint not null references deliveries (delivery_id) on delete cascade,
    attempt     bigint not null,
    began_at    bigint not null,
    -- Microseconds. Null as long as nobody has said how it went.
    took        bigint,
    -- 'sending', 'sent', 'passing', 'permanent', 'gone', or 'lost' with the process that made it.
    outcome     text not null,
    -- What the protocol calls it, if it came so far.
    status      bigint,
    answer      text not null default '',
    primary key (delivery_id, attempt)
);

-- The circuit breaker of each lane, and the lock under which its rows are taken.
create table delivery_lanes (
    channel    text not null,
    lane       text not null,
    -- In a row, up to now.
    failures   bigint not null default 0,
    open_until bigint not null default 0,
    served_at  bigint not null default 0,
    primary key (channel, lane)
);

-- In the page: what a person is told of, once an event.
create table notifications (
    notification_id integer primary key autoincrement,
    event_id    text not null unique,
    user_id     text not null,
    event_type  text not null,
    task_id     bigint,
    title       text not null,
    occurred_at bigint not null,
    read_at     bigint
);
create index notifications_user on notifications (user_id, notification_id);
create index notifications_unread on notifications (user_id) where read_at is null;

-- What a person wants to hear of where; where there is no row, the default holds.
create table notification_choices (
    user_id    text not null references users (user_id) on delete cascade,
    event_type text not null,
    channel    text not null,
    wanted     bigint not null,
    changed_at bigint not null,
    primary key (user_id, event_type, channel)
);

create table notification_settings (
    user_id    text primary key references users (user_id) on delete cascade,
    time_zone  text not null,
    -- Minutes since midnight on the person's clock; null: never quiet.
    quiet_from bigint,
    quiet_to   bigint,
    -- Known to be the person's.
    phone      text not null,
    -- Said to be, until the code that was sent there comes back; how often it was guessed at, and
    -- how many codes were sent since a day began.
    phone_asked text not null default '',
    phone_code  text not null default '',
    phone_tries bigint not null default 0,
    phone_sent  bigint not null default 0,
    phone_since bigint not null default 0,
    -- 1: e-mail comes once a day.
    digest     bigint not null
);

-- The lines of a person's daily e-mail; kept when it is sent, so that none comes twice.
create table digest_items (
    event_id    text primary key,
    user_id     text not null,
    line        text not null,
    traceparent text,
    due_at      bigint not null,
    sent        bigint not null default 0
);
create index digest_items_due on digest_items (due_at) where sent = 0;
create index digest_items_user on digest_items (user_id) where sent = 0;

-- Secrets that this installation made for itself.
create table keys (
    name  text primary key,
    value text not null
);
