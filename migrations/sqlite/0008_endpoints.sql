-- The same tables as migrations/postgres/0008_endpoints.sql.

-- Where a person has events sent to: a Standard Webhooks receiver, a Slack channel, a Jira project.
-- Its id is what deliveries call their target.
create table endpoints (
    endpoint_id   text primary key,
    user_id       text not null references users (user_id) on delete cascade,
    -- 'webhook', 'slack' or 'jira': the name of the channel.
    kind          text not null,
    url           text not null,
    description   text not null,
    -- What signs (webhook), or lets us in (jira). As it is: it has to be used, and there is no key
    -- beside the database that could keep it better.
    secret        text not null,
    -- 1: nobody has been shown the secret yet.
    unseen        bigint not null default 0,
    -- After a rotation, signs as well until then.
    old_secret    text not null default '',
    old_until     bigint not null default 0,
    -- How tasks become issues, as JSON; empty for other kinds.
    jira          text not null default '',
    created_at    bigint not null,
    -- Null: it is on.
    disabled_at   bigint,
    reason        text not null default '',
    -- Since when every attempt has failed, and how many deliveries were given up since.
    failing_since bigint,
    given_up      bigint not null default 0,
    -- History is being queued again: done up to here, and to be done up to there.
    replay_seq    bigint,
    replay_to     bigint
);
create index endpoints_user on endpoints (user_id, created_at);
create index endpoints_replay on endpoints (endpoint_id) where replay_seq is not null;

-- What it is sent, and since when: nothing of what was before, whatever is read again.
create table endpoint_types (
    endpoint_id text not null references endpoints (endpoint_id) on delete cascade,
    event_type  text not null,
    since       bigint not null,
    primary key (endpoint_id, event_type)
);

-- Which issue a task has become.
create table jira_issues (
    endpoint_id text not null references endpoints (endpoint_id) on delete cascade,
    task_id     bigint not null,
    issue_key   text not null,
    primary key (endpoint_id, task_id)
);

-- What was sent beside the payload, for whoever looks why it was refused: never a password.
alter table delivery_attempts add column request text not null default '';
create index deliveries_log on deliveries (target, delivery_id);
