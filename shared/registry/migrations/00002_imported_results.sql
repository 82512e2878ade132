-- A result whose model was imported is of no deployment: NULL then. Neither
-- database shares a statement with the other that takes NOT NULL off a column.

-- +goose Up
ALTER TABLE results ADD COLUMN trained_for BIGINT REFERENCES deployments (id);
UPDATE results SET trained_for = deployment;
DROP INDEX results_deployment;
ALTER TABLE results DROP COLUMN deployment;
ALTER TABLE results RENAME COLUMN trained_for TO deployment;
CREATE INDEX results_deployment ON results (deployment);
