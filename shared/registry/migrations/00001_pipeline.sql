-- Plain SQL that SQLite and PostgreSQL read alike. Each resource is one row:
-- body is its JSON, the other columns are what is looked up by, search is its
-- lower-cased text. Ids come from counters, so an id is never given twice.

-- +goose Up
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    last BIGINT NOT NULL
);
INSERT INTO counters (name, last) VALUES
    ('model', 0), ('configuration', 0), ('deployment', 0), ('result', 0),
    ('datasource', 0), ('inference', 0), ('event', 0);

CREATE TABLE models (
    id     BIGINT PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE,
    search TEXT NOT NULL,
    body   TEXT NOT NULL
);
CREATE TABLE model_versions (
    model   BIGINT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    body    TEXT NOT NULL,
    PRIMARY KEY (model, version)
);

CREATE TABLE configurations (
    id     BIGINT PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE,
    search TEXT NOT NULL,
    body   TEXT NOT NULL
);
CREATE TABLE configuration_models (
    configuration BIGINT NOT NULL REFERENCES configurations (id) ON DELETE CASCADE,
    model         BIGINT NOT NULL REFERENCES models (id),
    PRIMARY KEY (configuration, model)
);
CREATE INDEX configuration_models_model ON configuration_models (model);

CREATE TABLE deployments (
    id            BIGINT PRIMARY KEY,
    configuration BIGINT NOT NULL REFERENCES configurations (id),
    status        TEXT NOT NULL,
    search        TEXT NOT NULL,
    body          TEXT NOT NULL
);
CREATE INDEX deployments_configuration ON deployments (configuration);

-- A datasource may name a deployment that does not exist yet, or no longer.
-- Its origin is NULL where it came from no control record.
CREATE TABLE datasources (
    id               BIGINT PRIMARY KEY,
    deployment       BIGINT NOT NULL,
    resend_of        BIGINT NOT NULL,
    status           TEXT NOT NULL,
    origin_topic     TEXT,
    origin_partition BIGINT,
    origin_offset    BIGINT,
    search           TEXT NOT NULL,
    body             TEXT NOT NULL,
    UNIQUE (origin_topic, origin_partition, origin_offset)
);
CREATE INDEX datasources_deployment ON datasources (deployment);

CREATE TABLE results (
    id            BIGINT PRIMARY KEY,
    deployment    BIGINT NOT NULL REFERENCES deployments (id),
    configuration BIGINT NOT NULL,
    model         BIGINT NOT NULL REFERENCES models (id),
    datasource    BIGINT NOT NULL,
    attempt       INTEGER NOT NULL,
    status        TEXT NOT NULL,
    search        TEXT NOT NULL,
    body          TEXT NOT NULL
);
CREATE INDEX results_deployment ON results (deployment);
CREATE INDEX results_model ON results (model);
CREATE INDEX results_datasource ON results (datasource);
CREATE INDEX results_status ON results (status);

CREATE TABLE epochs (
    result  BIGINT NOT NULL REFERENCES results (id) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    epoch   INTEGER NOT NULL,
    body    TEXT NOT NULL,
    PRIMARY KEY (result, attempt, epoch)
);
CREATE TABLE logs (
    result BIGINT PRIMARY KEY REFERENCES results (id) ON DELETE CASCADE,
    text   TEXT NOT NULL
);

CREATE TABLE inferences (
    id     BIGINT PRIMARY KEY,
    name   TEXT NOT NULL UNIQUE,
    result BIGINT NOT NULL REFERENCES results (id),
    status TEXT NOT NULL,
    search TEXT NOT NULL,
    body   TEXT NOT NULL
);
CREATE INDEX inferences_result ON inferences (result);

-- The outbox: what happened, in the order in which it was committed.
CREATE TABLE events (
    seq  BIGINT PRIMARY KEY,
    body TEXT NOT NULL
);
-- The answers given to commands, by what makes a command the same one again.
CREATE TABLE commands (
    source  TEXT NOT NULL,
    id      TEXT NOT NULL,
    answer  BYTEA NOT NULL,
    created BIGINT NOT NULL, -- Unix seconds
    PRIMARY KEY (source, id)
);
CREATE INDEX commands_created ON commands (created);
