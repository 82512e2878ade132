-- A study has several models, where it had one. Quotes in a text of a body have a
-- backslash before them, so that only names of members are found.

-- +goose Up
UPDATE studies SET body = replace(replace(replace(
    CASE
        WHEN body LIKE '%,"datasource":%' THEN replace(body, ',"datasource":', '}],"datasource":')
        ELSE replace(body, ',"space":', '}],"space":')
    END, '"model":', '"models":[{"id":'), '"model_name":', '"name":'), '"model_version":', '"version":')
    WHERE body LIKE '%"model_version":%';

-- Of each new stream it is asked whether its deployment has trained on it, and which
-- results it is for, however many there are by then. Datasources from before have no
-- stream here, and are looked at one by one.
ALTER TABLE datasources ADD COLUMN stream TEXT NOT NULL DEFAULT '';
CREATE INDEX datasources_stream ON datasources (stream);
CREATE INDEX results_newest ON results (deployment, id);
CREATE INDEX results_states ON results (deployment, status);
CREATE INDEX results_models ON results (deployment, model, id);
DROP INDEX results_deployment;
