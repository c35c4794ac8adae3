-- Purpose: refuses weights that would silently mean nothing.
CREATE OR REPLACE FUNCTION check_weights(weights jsonb) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    IF jsonb_typeof(weights) IS DISTINCT FROM 'object' OR EXISTS (
        SELECT FROM jsonb_each(weights) AS weight (name, value)
        WHERE weight.name NOT IN ('query', 'not', 'image', 'picture', 'keywords')
            OR jsonb_typeof(weight.value) <> 'number'
    ) THEN
        RAISE EXCEPTION 'the weights are %; they are numbers by name, of query, not, image, picture '
            'and keywords', coalesce(left(weights::text, 80), 'NULL')
            USING ERRCODE = 'SQ002', HINT = 'For example: weights => ''{"query": 2, "image": 1}''.';
    END IF;
END;
$$;

COMMENT ON FUNCTION check_weights(jsonb) IS
    'Raises unless the weights are an object of numbers by the names that search_hybrid knows.';
REVOKE ALL ON FUNCTION check_weights(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION check_weights(jsonb) TO sceneql_analyst;
