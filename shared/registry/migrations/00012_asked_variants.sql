-- Variants of models may be asked for before they are built.

-- +goose Up
ALTER TABLE model_variants ADD COLUMN pending BIGINT NOT NULL DEFAULT 0;
CREATE INDEX model_variants_pending ON model_variants (pending);
