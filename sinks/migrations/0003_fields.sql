-- Version 3: what the views read out of an event's JSON stands by itself, without what no model knows. DuckDB reads
-- 2,048 rows at a time, and takes about ten times the size of a JSON text to look into it: a store of large events took
-- gigabytes. Of what landed before, `fields` is the whole of `data`.
ALTER TABLE events ADD COLUMN fields JSON;
ALTER TABLE duplicate_events ADD COLUMN fields JSON;
UPDATE events SET fields = data;
UPDATE duplicate_events SET fields = data;
