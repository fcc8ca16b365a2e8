-- The tables of a store as version 1 of the schema made them.
CREATE TABLE meta ("key" VARCHAR NOT NULL, value VARCHAR NOT NULL, PRIMARY KEY ("key"));
CREATE TABLE runs (
    no INTEGER NOT NULL, id VARCHAR NOT NULL, workflow VARCHAR NOT NULL, file VARCHAR NOT NULL,
    root VARCHAR NOT NULL, revision VARCHAR NOT NULL, source VARCHAR NOT NULL, status VARCHAR NOT NULL,
    started FLOAT NOT NULL, ended FLOAT, steps INTEGER NOT NULL, finished INTEGER NOT NULL,
    failed INTEGER NOT NULL, prompt_tokens BIGINT NOT NULL, completion_tokens BIGINT NOT NULL,
    events INTEGER NOT NULL, head BLOB NOT NULL, PRIMARY KEY (no), UNIQUE (id)
);
CREATE INDEX ix_runs_started ON runs (started);
CREATE TABLE events (
    run INTEGER NOT NULL, seq INTEGER NOT NULL, at FLOAT NOT NULL, kind VARCHAR NOT NULL,
    path VARCHAR NOT NULL, payload TEXT NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (run, seq)
);
CREATE TABLE blobs (sha BLOB NOT NULL, text TEXT NOT NULL, PRIMARY KEY (sha));
CREATE TABLE blob_uses (run INTEGER NOT NULL, sha BLOB NOT NULL, PRIMARY KEY (run, sha));
CREATE INDEX ix_blob_uses_sha ON blob_uses (sha);
CREATE TABLE inbox (
    id INTEGER NOT NULL, run INTEGER NOT NULL, at FLOAT NOT NULL, kind VARCHAR NOT NULL,
    payload TEXT NOT NULL, done FLOAT, PRIMARY KEY (id)
);
CREATE INDEX inbox_open ON inbox (run, done);
CREATE INDEX ix_inbox_run ON inbox (run);
CREATE TABLE cache (
    "key" VARCHAR NOT NULL, value TEXT NOT NULL, size INTEGER NOT NULL, used FLOAT NOT NULL, PRIMARY KEY ("key")
);
CREATE INDEX ix_cache_used ON cache (used);
CREATE TABLE leases (
    run VARCHAR NOT NULL, token VARCHAR NOT NULL, owner VARCHAR NOT NULL, expires FLOAT NOT NULL, PRIMARY KEY (run)
);
INSERT INTO meta VALUES ('version', '1');
