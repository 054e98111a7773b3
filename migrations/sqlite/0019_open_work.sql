-- The same tables as migrations/postgres/0019_open_work.sql. Consumer `analytics`: what is open, and was.

-- Every event that says whether a task is open: written down, completed, reopened, deleted, restored.
create table analytics_states (
    consumer    text not null,
    task_id     bigint not null,
    seq         bigint not null,
    user_id     text not null,
    occurred_at bigint not null,
    -- 1: open from now on, 0: not.
    open        bigint not null,
    primary key (consumer, task_id, seq)
);

-- How many more were open at the end of that quarter of an hour than at its beginning.
alter table analytics_quarters add column opened bigint not null default 0;

-- When it was written down, while it is open.
alter table analytics_tasks add column open_since bigint;
create index analytics_tasks_open on analytics_tasks (consumer, user_id, open_since)
    where open_since is not null;

-- What there is already. The consumer passed over what it did not hear of until now, but for what
-- comes after the last event that it heard of.
update consumer_progress set last_seq = coalesce((
    select max(e.seq) from events e
    where e.user_id = consumer_progress.user_id and e.seq > consumer_progress.last_seq
    and e.event_type in ('task.deleted', 'task.restored', 'task.purged')
    and not exists (
        select 1 from events heard
        where heard.user_id = e.user_id and heard.seq > consumer_progress.last_seq and heard.seq < e.seq
        and heard.event_type in ('task.created', 'task.completed', 'task.reopened', 'user.registered')
    )
), last_seq)
where consumer = 'analytics' and not exists (
    select 1 from parked
    where parked.consumer = 'analytics' and parked.user_id = consumer_progress.user_id
);

-- Dead letters are told when they are redriven.
insert into analytics_states (consumer, task_id, seq, user_id, occurred_at, open)
select 'analytics', e.task_id, e.seq, e.user_id, e.occurred_at, case
    when e.event_type in ('task.created', 'task.reopened') then 1
    -- A quote inside of what somebody has typed has a backslash before it.
    when e.event_type = 'task.restored' and e.data not like '%"completed_at":%' then 1
    else 0 end
from events e join consumer_progress p
on p.consumer = 'analytics' and p.user_id = e.user_id and p.last_seq >= e.seq
where e.task_id is not null and e.event_type in (
    'task.created', 'task.completed', 'task.reopened', 'task.deleted', 'task.restored', 'task.purged'
) and not exists (
    select 1 from dead_letters d where d.consumer = 'analytics' and d.user_id = e.user_id
    and d.seq = e.seq and d.status <> 'redriven'
);

insert into analytics_quarters (consumer, user_id, quarter, added, completed, opened)
select 'analytics', user_id, occurred_at / 900000000, 0, 0, sum(open - before) from (
    select user_id, occurred_at, open,
    coalesce(lag(open) over (partition by task_id order by seq), 0) as before
    from analytics_states
) as changes
group by user_id, occurred_at / 900000000
on conflict (consumer, user_id, quarter) do update set opened = excluded.opened;

-- The changes of a task add up to what it is now.
insert into analytics_tasks (consumer, task_id, user_id, open_since)
select 'analytics', task_id, user_id, case sum(open - before) when 1 then min(occurred_at) end from (
    select task_id, user_id, occurred_at, open,
    coalesce(lag(open) over (partition by task_id order by seq), 0) as before
    from analytics_states
) as changes
group by task_id, user_id
on conflict (consumer, task_id) do update set open_since = excluded.open_since;
