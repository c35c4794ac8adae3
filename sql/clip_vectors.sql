-- Purpose: the vectors of a clip's frames, by the active model. It runs with its owner's rights: the
-- table of questions holds other people's words and pictures.
CREATE OR REPLACE FUNCTION clip_vectors(key text) RETURNS halfvec[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SECURITY DEFINER
    SET search_path = public, pg_temp
AS $$
DECLARE
    vectors halfvec[];
BEGIN
    -- One row a frame: the clip's key, a colon, and the frame's number with leading zeros.
    SELECT array_agg(q.embedding ORDER BY q.key) INTO vectors
    FROM query_embeddings q JOIN embedding_models m ON m.id = q.model_id AND m.active
    WHERE q.kind = 'clip' AND q.embedding IS NOT NULL
        AND starts_with(q.key, clip_vectors.key || ':');
    IF vectors IS NULL THEN
        RAISE EXCEPTION 'there is no clip with the key %', quote_literal(left(key, 80))
            USING ERRCODE = 'SQ001', HINT = 'Run first: sceneql embed FILE, and use the key it prints.';
    END IF;
    RETURN vectors;
END;
$$;

COMMENT ON FUNCTION clip_vectors(text) IS
    'The unit vectors of the frames of a clip that sceneql embed has made ready; raises otherwise.';
REVOKE ALL ON FUNCTION clip_vectors(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION clip_vectors(text) TO sceneql_analyst;
