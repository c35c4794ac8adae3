-- Purpose: makes ready each part of a question such as "beach -people", for search_hybrid.
CREATE OR REPLACE PROCEDURE embed_terms(query text, timeout_s double precision DEFAULT 20)
    LANGUAGE plpgsql
AS $$
DECLARE
    part text;
BEGIN
    -- An array, because a loop over a query would be cut off by the commits.
    FOREACH part IN ARRAY ARRAY(SELECT t.term FROM query_terms(query) t) LOOP
        CALL embed_query(part, timeout_s);
    END LOOP;
END;
$$;

COMMENT ON PROCEDURE embed_terms(text, double precision) IS
    'Has each part of a question, such as "beach -people", turned into a vector. Needs autocommit.';
REVOKE ALL ON PROCEDURE embed_terms(text, double precision) FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE embed_terms(text, double precision) TO sceneql_analyst;
