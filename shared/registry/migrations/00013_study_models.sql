-- A study has several models, where it had one. Quotes in a text of a body have a
-- backslash before them, so that only names of members are found.

-- +goose Up
UPDATE studies SET body = replace(replace(replace(
    CASE
        WHEN body LIKE '%,"datasource":%' THEN replace(body, ',"datasource":', '}],"datasource":')
        ELSE replace(body, ',"space":', '}],"space":')
    END, '"model":', '"models":[{"id":'), '"model_name":', '"name":'), '"model_version":', '"version":')
    WHERE body LIKE '%"model_version":%';
