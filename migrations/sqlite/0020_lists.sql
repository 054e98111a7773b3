-- The same tables as migrations/postgres/0020_lists.sql.

-- Consumer `lists`: which lists each task says it is in. It begins with nothing, and reads history.
create table task_lists (
    user_id text not null,
    -- Folded as words are for the search, so that each way of writing it is the same list.
    list    text not null,
    -- As it is written there.
    name    text not null,
    task_id bigint not null,
    -- Where: title or description.
    part    text not null,
    primary key (task_id, part, list)
);
create index task_lists_list on task_lists (user_id, list, name, task_id);

-- What the filter by list asks for.
create index activity_task on activity (user_id, task_id, seq);
