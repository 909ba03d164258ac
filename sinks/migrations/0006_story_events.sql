-- Which events tell of one happening: one row for each landed event. Follows from `events` and `decisions`; what the
-- columns mean to readers is said in docs/stories.md, how it is worked out in stories/grouping.py and sinks/story_groups.py.
CREATE TABLE story_events (
    event_hash UBIGINT NOT NULL,
    source VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    event_type VARCHAR NOT NULL,
    story VARCHAR,                          -- named by its first report; null where nothing is told (retracted)
    story_hash UBIGINT,
    report VARCHAR NOT NULL,                -- the event that this one is a version of; itself where it is none
    report_hash UBIGINT NOT NULL,
    is_current BOOLEAN NOT NULL,            -- the version of its report that holds
    decided BOOLEAN NOT NULL,               -- a person's merge or split put it there
    origin VARCHAR NOT NULL,                -- who first stated it, as independent origins are counted
    story_key VARCHAR,                      -- equal for reports that may be one story; null: never joined by itself
    key_hash UBIGINT NOT NULL,
    details JSON NOT NULL,                  -- what may not differ within a story, where it is stated
    occurred_on DATE NOT NULL,
    occurred_until DATE NOT NULL,
    -- Before people's decisions: whether it began its story, until when that takes reports, and what these stated.
    is_first BOOLEAN NOT NULL,
    open_until DATE,
    story_details JSON,                     -- of a first one
    follows_hash UBIGINT,                   -- the event that it corrects, or was derived from
    retracts_hash UBIGINT
);

-- The version of the rules (stories.rules.VERSION) that grouped them.
CREATE TABLE story_rules (
    version INTEGER NOT NULL
);
