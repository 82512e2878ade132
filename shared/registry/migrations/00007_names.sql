-- Names of results: an alias is one of a model's results at a time, and what it
-- was before; tags are NAME=VALUE. An inference may share records with a second
-- result, its challenger (0: none).

-- +goose Up
CREATE TABLE aliases (
    model    BIGINT NOT NULL REFERENCES models (id),
    name     TEXT NOT NULL,
    result   BIGINT NOT NULL REFERENCES results (id),
    previous BIGINT NOT NULL, -- 0: none
    PRIMARY KEY (model, name)
);
CREATE INDEX aliases_result ON aliases (result);

CREATE TABLE tags (
    result BIGINT NOT NULL REFERENCES results (id) ON DELETE CASCADE,
    name   TEXT NOT NULL,
    value  TEXT NOT NULL,
    PRIMARY KEY (result, name)
);
CREATE INDEX tags_name ON tags (name, value);

ALTER TABLE inferences ADD COLUMN challenger BIGINT NOT NULL DEFAULT 0;
