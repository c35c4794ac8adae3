-- Purpose: the vector of a picture by its key, by the active model; as query_vector for words.
CREATE OR REPLACE FUNCTION image_vector(key text) RETURNS halfvec
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SECURITY DEFINER
    SET search_path = public, pg_temp
AS $$
DECLARE
    vector halfvec;
BEGIN
    SELECT q.embedding INTO vector
    FROM query_embeddings q JOIN embedding_models m ON m.id = q.model_id AND m.active
    WHERE q.kind = 'image' AND q.key = image_vector.key;
    IF vector IS NULL THEN
        RAISE EXCEPTION 'there is no picture with the key %', quote_literal(left(key, 80))
            USING ERRCODE = 'SQ001',
            HINT = 'CALL embed_image(...) makes a picture ready and returns its key.';
    END IF;
    RETURN vector;
END;
$$;

COMMENT ON FUNCTION image_vector(text) IS
    'The unit vector of a picture that embed_image has made ready; raises with a hint otherwise.';
REVOKE ALL ON FUNCTION image_vector(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION image_vector(text) TO sceneql_analyst;
