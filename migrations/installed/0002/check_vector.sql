-- Purpose: refuses a question without a vector, to which everything would be equally near.
CREATE OR REPLACE FUNCTION check_vector(vector halfvec) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    IF vector IS NULL THEN
        RAISE EXCEPTION 'the question is empty; give words, a picture or a vector'
            USING ERRCODE = 'SQ002';
    END IF;
END;
$$;

COMMENT ON FUNCTION check_vector(halfvec) IS 'Raises unless there is a vector to search by.';
REVOKE ALL ON FUNCTION check_vector(halfvec) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION check_vector(halfvec) TO sceneql_analyst;
