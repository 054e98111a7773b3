-- The same tables as migrations/sqlite/0011_feed.sql. Times are microseconds since 1970, UTC.

-- What the filters of the feed ask for.
create index activity_kind on activity (user_id, event_type, seq);
create index activity_day on activity (user_id, occurred_at);
-- Hardly anything, as long as nearly everybody's changes are their own.
create index activity_others on activity (user_id, seq) where actor_id <> user_id;

-- How far a person has seen their feed in any of their windows, and when they last looked.
create table feed_seen (
    user_id text primary key references users (user_id) on delete cascade,
    seq     bigint not null,
    seen_at bigint not null
);

-- One time zone for everything: users.time_zone. Who had chosen one for quiet hours only has it for
-- the rest too; UTC stood there for whoever had not looked at it.
update users set time_zone = (
    select s.time_zone from notification_settings s where s.user_id = users.user_id
) where time_zone is null and exists (
    select 1 from notification_settings s where s.user_id = users.user_id
    and (s.time_zone <> 'UTC' or s.quiet_from is not null)
);
alter table notification_settings drop column time_zone;
