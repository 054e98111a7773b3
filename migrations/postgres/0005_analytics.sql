-- The same tables as migrations/sqlite/0005_analytics.sql. Times are microseconds since 1970, UTC.
-- `consumer` is the name a row was counted under: a new name is counted beside the old one.

-- What a person added and completed, by quarters of an hour since 1970, UTC. Every time zone's day
-- begins at one, so days are added up when they are asked for, in any zone.
create table analytics_quarters (
    consumer  text not null,
    user_id   text not null,
    quarter   bigint not null,
    added     bigint not null,
    completed bigint not null,
    primary key (consumer, user_id, quarter)
);

-- Every task there ever was, deleted ones too.
create table analytics_tasks (
    consumer     text not null,
    task_id      bigint not null,
    user_id      text not null,
    -- Null: not known, because its creation became a dead letter.
    created_at   bigint,
    -- Null while it is open.
    completed_at bigint,
    -- How long it took.
    minutes      bigint,
    -- The last event that completed or reopened it; 0 is none.
    seq          bigint not null default 0,
    primary key (consumer, task_id)
);
create index analytics_tasks_created on analytics_tasks (consumer, user_id, created_at);
create index analytics_tasks_completed on analytics_tasks (consumer, user_id, completed_at);

create table analytics_people (
    consumer      text not null,
    user_id       text not null,
    registered_at bigint not null,
    primary key (consumer, user_id)
);
create index analytics_people_registered on analytics_people (consumer, registered_at);

-- The person's IANA time zone; null while nobody has said it.
alter table users add column time_zone text;
