-- Models as they are built with other values of hp than the defaults of their
-- source, by the SHA-256 of the values.

-- +goose Up
CREATE TABLE model_variants (
    model   BIGINT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    hash    TEXT NOT NULL,
    body    TEXT NOT NULL,
    PRIMARY KEY (model, version, hash)
);
