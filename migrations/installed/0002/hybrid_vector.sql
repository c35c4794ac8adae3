-- Purpose: the one vector of words that are wanted, words that are not, and a picture. The vectors
-- have unit length, so their weighted sum points between them, and away from what is not wanted.
CREATE OR REPLACE FUNCTION hybrid_vector(
    query text, image text DEFAULT NULL,
    weights jsonb DEFAULT '{"query": 1, "not": 0.5, "image": 1}'
)
    RETURNS halfvec
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    total vector;
    part record;
BEGIN
    PERFORM check_weights(weights);
    FOR part IN
        SELECT query_vector(t.term)::vector AS vector, CASE WHEN t.wanted
            THEN coalesce((weights ->> 'query')::double precision, 1)
            ELSE -coalesce((weights ->> 'not')::double precision, 0.5) END AS weight
        FROM query_terms(query) t
        UNION ALL
        SELECT image_vector(image)::vector, coalesce((weights ->> 'image')::double precision, 1)
        WHERE image IS NOT NULL
    LOOP
        part.vector := part.vector * array_fill(part.weight::real, ARRAY[vector_dims(part.vector)])::vector;
        total := CASE WHEN total IS NULL THEN part.vector ELSE total + part.vector END;
    END LOOP;
    IF total IS NOT NULL AND vector_norm(total) = 0 THEN
        RAISE EXCEPTION 'the parts of the question cancel each other out' USING ERRCODE = 'SQ002';
    END IF;
    RETURN l2_normalize(total)::halfvec;
END;
$$;

COMMENT ON FUNCTION hybrid_vector(text, text, jsonb) IS
    'The unit vector of words ("beach -people") and a picture together, weighted; NULL for neither. '
    'All parts must have been made ready, by embed_terms and embed_image.';
REVOKE ALL ON FUNCTION hybrid_vector(text, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hybrid_vector(text, text, jsonb) TO sceneql_analyst;
