-- Alert rules: alerts are told by rules. `rule` is null of what was told before there were any.
ALTER TABLE outbox ADD COLUMN rule VARCHAR;
-- Over the rule's limit: not sent by itself, but in a digest. When that is written, a row of `deliveries` says so.
ALTER TABLE outbox ADD COLUMN held BOOLEAN DEFAULT false;
