-- Purpose: switches every search to another model in the caller's transaction.
CREATE OR REPLACE FUNCTION activate_model(model_id smallint) RETURNS void
    LANGUAGE plpgsql
    SET search_path = public, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM embedding_models m WHERE m.id = activate_model.model_id) THEN
        RAISE EXCEPTION 'there is no model %', model_id
            USING ERRCODE = 'SQ002', HINT = 'SELECT * FROM embedding_models lists them.';
    END IF;
    UPDATE embedding_models m SET active = false WHERE m.active AND m.id <> activate_model.model_id;
    UPDATE embedding_models m SET active = true WHERE m.id = activate_model.model_id;
    PERFORM rebuild_moments();
END;
$$;

COMMENT ON FUNCTION activate_model(smallint) IS
    'Makes searches use this model. Waits for open readers of moments: set lock_timeout and retry.';
REVOKE ALL ON FUNCTION activate_model(smallint) FROM PUBLIC;
