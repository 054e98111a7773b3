-- Which of a person's events it tells of: the order in which a target gets them, whenever they were
-- queued. 0 where no event is told of.
alter table deliveries add column seq bigint not null default 0;
drop index deliveries_target;
create index deliveries_target on deliveries (channel, target, seq, delivery_id) where status = 'queued';
