-- The same table as migrations/postgres/0014_figures.sql; nothing writes it: there is one process.

-- What each process says it does at the moment, for the System page.
create table figures (
    -- How it is told from others.
    process text primary key,
    -- When it last said so, microseconds since 1970.
    at      bigint not null,
    -- `Work` as JSON.
    work    text not null
);
