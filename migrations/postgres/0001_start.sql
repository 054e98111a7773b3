-- The same tables as migrations/sqlite/0001_start.sql. Times are microseconds since 1970, UTC.

-- One row a person: the number of the last event of their stream, and the lock that orders it.
create table streams (
    user_id  text primary key,
    last_seq bigint not null default 0
);

-- The event store: the truth. Only published_at and log_offset are ever updated.
create table events (
    position     bigint generated always as identity primary key,
    event_id     text not null unique,
    event_type   text not null,
    version      text not null,
    user_id      text not null references streams (user_id),
    seq          bigint not null,
    actor_id     text not null,
    task_id      bigint,
    command_id   text,
    occurred_at  bigint not null,
    data         text not null,
    traceparent  text,
    published_at bigint,
    log_offset   bigint unique,
    unique (user_id, seq)
);
create index events_unpublished on events (position) where published_at is null;
create index events_command on events (user_id, command_id) where command_id is not null;

create table users (
    user_id       text primary key,
    email         text not null unique,
    name          text not null,
    password_hash text not null,
    created_at    bigint not null
);

create table sessions (
    session_id   text primary key,
    token_hash   text not null unique,
    user_id      text not null references users (user_id) on delete cascade,
    created_at   bigint not null,
    last_seen_at bigint not null,
    expires_at   bigint not null,
    user_agent   text not null,
    address      text not null
);
create index sessions_user on sessions (user_id);

-- Failed log-ins by what they were for ("account:…" or "address:…"), to slow down guessing.
create table login_failures (
    subject   text not null,
    failed_at bigint not null
);
create index login_failures_subject on login_failures (subject, failed_at);

create table tasks (
    task_id      bigint generated always as identity primary key,
    user_id      text not null references users (user_id),
    title        text not null,
    description  text not null,
    created_at   bigint not null,
    updated_at   bigint not null,
    completed_at bigint
);
create index tasks_user on tasks (user_id, task_id);

-- Who may relay: the fencing number grows with every new holder.
create table leases (
    name       text primary key,
    holder     text not null,
    fence      bigint not null,
    expires_at bigint not null
);

-- How far each consumer has applied each person's events: the boundary of exactly-once effects.
create table consumer_progress (
    consumer text not null,
    user_id  text not null,
    last_seq bigint not null,
    primary key (consumer, user_id)
);

-- Where each consumer reads on in the embedded transport's log.
create table consumer_offsets (
    consumer   text primary key,
    log_offset bigint not null
);

-- Consumer `activity`: the feed, and what it knows of the names of tasks.
create table activity (
    user_id     text not null,
    seq         bigint not null,
    event_type  text not null,
    actor_id    text not null,
    task_id     bigint,
    title       text not null,
    changes     text not null,
    occurred_at bigint not null,
    primary key (user_id, seq)
);
create table activity_titles (
    task_id bigint primary key,
    title   text not null
);
