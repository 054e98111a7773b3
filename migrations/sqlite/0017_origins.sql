-- The same tables as migrations/postgres/0017_origins.sql.

-- From where a command was asked for: kept here and in the audit log, carried by no transport. Empty
-- where nobody was asked, and in events older than this.
alter table events add column address text not null default '';
alter table events add column user_agent text not null default '';

-- How often a person has had something sent lately (app/src/webhooks/commands.rs).
create index events_sendings on events (user_id, occurred_at)
where event_type in ('endpoint.changed', 'delivery.redelivered');
