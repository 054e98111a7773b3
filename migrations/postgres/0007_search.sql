-- The same tables as migrations/sqlite/0007_search.sql.

-- Consumer `search`: what the index of each web process follows. A task that is gone leaves its
-- row, without its words, for those that have not heard of it.
create table search_documents (
    task_id     bigint primary key,
    user_id     text not null,
    -- The event that made it so: an older one changes nothing.
    seq         bigint not null,
    title       text not null,
    description text not null,
    completed   bigint not null,
    updated_at  bigint not null,
    deleted     bigint not null default 0,
    -- Numbered by `search_clock`, so in the order of the commits.
    change      bigint not null unique
);

-- One row: the number of the last change, and the lock that orders them.
create table search_clock (
    one         bigint primary key check (one = 1),
    -- Tells this database from any other that an index may have been built of.
    database_id text not null,
    -- An index of an older generation is built anew.
    generation  bigint not null,
    change      bigint not null
);
insert into search_clock (one, database_id, generation, change)
values (1, replace(gen_random_uuid()::text, '-', ''), 1, 0);
