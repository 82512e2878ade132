-- Studies, and what each sampler goes on from: too long for the row that is read
-- whenever a study is looked at.

-- +goose Up
CREATE TABLE studies (
    id            BIGINT PRIMARY KEY,
    configuration BIGINT NOT NULL REFERENCES configurations (id),
    deployment    BIGINT NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
    status        TEXT NOT NULL,
    search        TEXT NOT NULL,
    body          TEXT NOT NULL
);
CREATE INDEX studies_status ON studies (status);
CREATE INDEX studies_configuration ON studies (configuration);
CREATE TABLE samplers (
    study BIGINT PRIMARY KEY REFERENCES studies (id) ON DELETE CASCADE,
    body  TEXT NOT NULL
);
INSERT INTO counters (name, last) VALUES ('study', 0);
