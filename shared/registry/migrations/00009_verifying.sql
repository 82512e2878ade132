-- The verifications under way are looked up by each reconciliation.

-- +goose Up
ALTER TABLE results ADD COLUMN verifying BIGINT NOT NULL DEFAULT 0;
CREATE INDEX results_verifying ON results (verifying, id);
