-- Where the transport has an event that is published: what a dead letter tells, whoever gave it up.
-- `place` is the offset.
alter table events add column partition bigint;
alter table events add column place bigint;
