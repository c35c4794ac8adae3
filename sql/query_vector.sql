-- Purpose: the vector of a question in words, by the active model. It runs with its owner's rights:
-- the table of questions holds other people's words.
CREATE OR REPLACE FUNCTION query_vector(query text) RETURNS halfvec
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SECURITY DEFINER
    SET search_path = public, pg_temp
AS $$
DECLARE
    vector halfvec;
BEGIN
    SELECT q.embedding INTO vector
    FROM query_embeddings q JOIN embedding_models m ON m.id = q.model_id AND m.active
    WHERE q.kind = 'text' AND q.key = encode(sha256(convert_to(query, 'UTF8')), 'hex');
    IF vector IS NULL THEN
        RAISE EXCEPTION 'the question % has no vector yet', quote_literal(left(query, 80))
            USING ERRCODE = 'SQ001',
            HINT = format('Run first: CALL embed_query(%L);', query);
    END IF;
    RETURN vector;
END;
$$;

COMMENT ON FUNCTION query_vector(text) IS
    'The unit vector of a question that embed_query has made ready; raises with a hint otherwise.';
REVOKE ALL ON FUNCTION query_vector(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION query_vector(text) TO sceneql_analyst;
