-- A command is the same one again only from the same principal. Those before
-- this were anybody's; what they asked for was not kept. Neither database
-- shares a statement with the other that changes a primary key.

-- +goose Up
CREATE TABLE answers (
    principal TEXT NOT NULL,
    source    TEXT NOT NULL,
    id        TEXT NOT NULL,
    digest    TEXT NOT NULL, -- of what was asked; empty where it is not known
    answer    BYTEA NOT NULL,
    created   BIGINT NOT NULL, -- Unix seconds
    PRIMARY KEY (principal, source, id)
);
INSERT INTO answers (principal, source, id, digest, answer, created)
    SELECT 'anonymous', source, id, '', answer, created FROM commands;
DROP TABLE commands;
ALTER TABLE answers RENAME TO commands;
CREATE INDEX commands_created ON commands (created);

-- What an installation keeps to itself, made when it is first needed.
CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value BYTEA NOT NULL
);
