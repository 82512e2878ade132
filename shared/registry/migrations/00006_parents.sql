-- The result that another went on from, 0 where it began with the model's initial
-- weights. It may be gone.

-- +goose Up
ALTER TABLE results ADD COLUMN parent BIGINT NOT NULL DEFAULT 0;
CREATE INDEX results_parent ON results (parent);
