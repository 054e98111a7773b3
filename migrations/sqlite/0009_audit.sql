-- The same tables as migrations/postgres/0009_audit.sql. Times are microseconds since 1970, UTC.

-- Consumer `audit`: who did what, when, from where. Rows are chained: docs/audit.md says how.
create table audit_log (
    -- 1, 2, 3 … without a gap, in the order in which the consumer came to the events.
    number      bigint primary key,
    -- SHA-256 of the row before it, 64 zeros before the first; hexadecimal, as all of them.
    prev_hash   text not null,
    event_id    text not null unique,
    event_type  text not null,
    -- Whose stream the event is in, and its number there.
    user_id     text not null,
    seq         bigint not null,
    actor_id    text not null,
    task_id     bigint,
    occurred_at bigint not null,
    -- From where; empty where the event does not say.
    address     text not null,
    user_agent  text not null,
    -- What else there is to say in a few words, such as "member to admin".
    detail      text not null,
    traceparent text,
    -- Of the event as the event store has it.
    event_hash  text not null,
    hash        text not null
);
create index audit_log_user on audit_log (user_id, number);
create index audit_log_kind on audit_log (event_type, number);

create trigger audit_log_keeps_rows before delete on audit_log
begin
    select raise(abort, 'the audit log is append-only');
end;
create trigger audit_log_keeps_words before update on audit_log
begin
    select raise(abort, 'the audit log is append-only');
end;

-- One row: the last row of the log, and the lock that orders appending.
create table audit_head (
    one    bigint primary key check (one = 1),
    number bigint not null,
    hash   text not null
);
insert into audit_head (one, number, hash)
values (1, 0, '0000000000000000000000000000000000000000000000000000000000000000');

-- One row: how the log was when somebody last verified it in the page.
create table audit_checks (
    one        bigint primary key check (one = 1),
    checked_at bigint not null,
    -- The rows that were found well, and the hash of the last of them.
    number     bigint not null,
    hash       text not null,
    -- What was wrong with the next; empty: nothing.
    problem    text not null
);
