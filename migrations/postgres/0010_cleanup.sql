-- The same tables as migrations/sqlite/0010_cleanup.sql. Times are microseconds since 1970, UTC.

-- Consumer `cleanup`: tasks that were deleted and of which something may be left.
create table cleanup_tasks (
    task_id    bigint primary key,
    user_id    text not null,
    deleted_at bigint not null
);
create index cleanup_tasks_due on cleanup_tasks (deleted_at);

-- What is removed regularly: when next, and how it went. A row is the right to do it.
create table cleanup_jobs (
    name    text primary key,
    due_at  bigint not null,
    -- Null: never.
    ran_at  bigint,
    -- Rows removed, or emptied, since the beginning.
    removed bigint not null default 0,
    -- Runs that failed, since the beginning; and why the last did, empty if it did not.
    failed  bigint not null default 0,
    error   text not null default ''
);

-- When what was sent was removed, and the number alone was kept so that it is not sent again.
alter table deliveries add column pruned_at bigint;
create index deliveries_ended on deliveries (ended_at) where ended_at is not null and pruned_at is null;
-- When the record itself was removed, and what was decided of it was kept.
alter table dead_letters add column pruned_at bigint;

create index sessions_expired on sessions (expires_at);
create index notifications_read on notifications (occurred_at) where read_at is not null;
create index notifications_task on notifications (task_id) where task_id is not null;

-- Up to which change everybody has had time to hear of what was deleted, and up to which change
-- rows of what was deleted have been removed: an index that is older than that is built anew.
alter table search_clock add column settled bigint not null default 0;
alter table search_clock add column pruned bigint not null default 0;
