-- The same tables as migrations/postgres/0002_dead_letters.sql.

-- Whose events a consumer could not apply: they wait in the event store until `next_at`.
create table parked (
    consumer text not null,
    user_id  text not null,
    -- The event it failed on, and how often.
    seq      bigint not null,
    attempts bigint not null,
    first_at bigint not null,
    last_at  bigint not null,
    -- Null: until a version of the application that can read the event.
    next_at  bigint,
    error    text not null,
    -- Where the transport had the event, if that is known: partition and offset.
    partition bigint,
    place     bigint,
    primary key (consumer, user_id)
);
create index parked_due on parked (consumer, next_at);

-- What was given up: events that a consumer could not apply, and records that are no events.
create table dead_letters (
    dead_letter_id integer primary key autoincrement,
    -- "activity/user-…/7", or "task.created/3/41" (topic, partition, offset): each once.
    origin       text not null unique,
    topic        text not null,
    partition    bigint,
    place        bigint,
    key          blob,
    headers      text not null,
    value        blob,
    -- Null for a record that is no event.
    consumer     text,
    user_id      text,
    seq          bigint,
    error        text not null,
    attempts     bigint not null,
    first_at     bigint not null,
    last_at      bigint not null,
    traceparent  text,
    -- On the topic of dead letters since.
    published_at bigint,
    -- 'open', 'redriving', 'redriven' or 'discarded'.
    status       text not null default 'open',
    note         text not null default ''
);
create index dead_letters_unpublished on dead_letters (dead_letter_id) where published_at is null;
create index dead_letters_redriving on dead_letters (consumer) where status = 'redriving';

-- 'member' or 'admin'.
alter table users add column role text not null default 'member';
