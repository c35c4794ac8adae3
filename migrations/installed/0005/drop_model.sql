-- Purpose: takes a model that searches do not use out of the index: its partition goes in an instant,
-- however many vectors are in it, then its questions and its row.
CREATE OR REPLACE FUNCTION drop_model(model_id smallint) RETURNS void
    LANGUAGE plpgsql
    SET search_path = public, pg_temp
AS $$
DECLARE
    model embedding_models;
BEGIN
    -- Whoever switches to it at the same time waits here, or makes this wait.
    SELECT * INTO model FROM embedding_models m WHERE m.id = drop_model.model_id FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no model %', model_id
            USING ERRCODE = 'SQ002', HINT = 'SELECT * FROM embedding_models lists them.';
    END IF;
    IF model.active THEN
        RAISE EXCEPTION 'searches use %/%', model.name, model.pretrained
            USING ERRCODE = 'SQ002', HINT = 'Switch to another model first: activate_model.';
    END IF;
    EXECUTE format('DROP TABLE %I', format('frame_embeddings_%s', model.id));
    DELETE FROM embedding_models m WHERE m.id = model.id;
END;
$$;

COMMENT ON FUNCTION drop_model(smallint) IS
    'Drops a model that is not active, with its vectors and its questions. Waits for open readers of '
    'frame_embeddings: set lock_timeout and retry.';
REVOKE ALL ON FUNCTION drop_model(smallint) FROM PUBLIC;
