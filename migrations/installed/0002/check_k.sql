-- Purpose: refuses a number of rows that no ranking can have.
CREATE OR REPLACE FUNCTION check_k(k integer) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    IF k IS NULL OR k < 1 THEN
        RAISE EXCEPTION 'k is %; a ranking has 1 row at least', coalesce(k::text, 'NULL')
            USING ERRCODE = 'SQ002';
    END IF;
END;
$$;

COMMENT ON FUNCTION check_k(integer) IS
    'Raises unless k, the number of rows that a ranking is asked for, is 1 or more.';
REVOKE ALL ON FUNCTION check_k(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION check_k(integer) TO sceneql_analyst;
