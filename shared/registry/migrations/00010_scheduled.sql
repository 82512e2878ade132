-- Deployments that train again by themselves are looked up every few seconds.

-- +goose Up
ALTER TABLE deployments ADD COLUMN scheduled BIGINT NOT NULL DEFAULT 0;
CREATE INDEX deployments_scheduled ON deployments (scheduled, id);
