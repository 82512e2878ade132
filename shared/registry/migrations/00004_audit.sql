-- Who commanded what, when, from where, and what came of it.

-- +goose Up
CREATE TABLE audit (
    seq     BIGINT PRIMARY KEY,
    body    TEXT NOT NULL
);
INSERT INTO counters (name, last) VALUES ('audit', 0);
