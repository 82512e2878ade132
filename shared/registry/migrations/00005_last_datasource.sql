-- The last stream of a deployment is looked up whenever the deployment is read:
-- by one step, however many streams have named it.

-- +goose Up
CREATE INDEX datasources_last ON datasources (deployment, id);
DROP INDEX datasources_deployment;
