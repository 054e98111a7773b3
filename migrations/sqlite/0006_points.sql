-- The same tables as migrations/postgres/0006_points.sql.
-- `consumer` is the name a row was counted under: a new name is counted beside the old one.

-- What a task gives for now: nothing while it is open.
create table points_tasks (
    consumer text not null,
    task_id  bigint not null,
    user_id  text not null,
    points   bigint not null,
    -- The last event that completed or reopened it.
    seq      bigint not null,
    primary key (consumer, task_id)
);

-- The sum of a person's tasks.
create table points_people (
    consumer text not null,
    user_id  text not null,
    points   bigint not null,
    primary key (consumer, user_id)
);

-- What a person has set themselves; no row: what everybody starts with.
create table goals (
    user_id  text primary key references users (user_id),
    -- Tasks to complete; 0 is no goal.
    daily    bigint not null,
    weekly   bigint not null,
    -- A bit a weekday, Monday's the lowest.
    days_off bigint not null
);
