-- The same tables as migrations/postgres/0013_trash.sql.

-- Tasks that were deleted, as they were then, until they are restored or purged. What was deleted
-- before there was a trash is gone for good.
create table trash (
    task_id      bigint primary key,
    user_id      text not null references users (user_id),
    title        text not null,
    description  text not null,
    created_at   bigint not null,
    updated_at   bigint not null,
    completed_at bigint,
    deleted_at   bigint not null,
    -- The event that deleted it.
    seq          bigint not null
);
create index trash_user on trash (user_id, seq);
create index trash_deleted on trash (deleted_at);

-- One row: the last event before there was a trash, so that `todo verify` knows what to look for.
create table trash_start (
    position bigint not null
);
insert into trash_start (position) select coalesce(max(position), 0) from events;
