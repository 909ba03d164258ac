-- Version 4: readings whose SQL failed on the events that came. They are left out until the definition is mended.
CREATE TABLE prediction_faults (
    prediction VARCHAR NOT NULL,
    reading VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    definition_hash VARCHAR NOT NULL,
    error VARCHAR NOT NULL,
    landed_at TIMESTAMPTZ NOT NULL
);
