-- Where the transport has an event that is published: what a dead letter tells, whoever gave it up.
-- `place` is the offset. Written by the mark, with published_at and
-- log_offset: nothing else of an event is ever updated.
alter table events add column partition bigint;
alter table events add column place bigint;
