-- Purpose: makes room for a model's embeddings: its row, its partition and its HNSW index.
-- The index is built more thoroughly than by pgvector's default, which is what recall at a million
-- frames costs least: see docs/benchmarks.md.
CREATE OR REPLACE FUNCTION add_model(name text, pretrained text, dim integer) RETURNS smallint
    LANGUAGE plpgsql
    SET search_path = public, pg_temp
AS $$
DECLARE
    new_id smallint;
    partition text;
BEGIN
    INSERT INTO embedding_models (name, pretrained, dim)
    VALUES (add_model.name, add_model.pretrained, add_model.dim)
    RETURNING id INTO new_id;
    partition := format('frame_embeddings_%s', new_id);
    EXECUTE format(
        'CREATE TABLE %I PARTITION OF frame_embeddings FOR VALUES IN (%s)', partition, new_id);
    EXECUTE format(
        'CREATE INDEX %I ON %I USING hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops) '
        'WITH (ef_construction = 200)',
        partition || '_hnsw_idx', partition, dim);
    EXECUTE format('COMMENT ON TABLE %I IS %L', partition,
        format('Embeddings by %s/%s, %s dimensions.', name, pretrained, dim));
    RETURN new_id;
END;
$$;

COMMENT ON FUNCTION add_model(text, text, integer) IS
    'Adds a model, its partition of frame_embeddings and its HNSW index; returns its id. '
    'The model is not active yet. Waits for open readers of frame_embeddings: set lock_timeout and retry.';
REVOKE ALL ON FUNCTION add_model(text, text, integer) FROM PUBLIC;
