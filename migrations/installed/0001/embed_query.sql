-- Purpose: makes a question in words ready for search_text. It commits, so it needs autocommit: in an
-- open transaction it fails with 'invalid transaction termination'.
CREATE OR REPLACE PROCEDURE embed_query(query text, timeout_s double precision DEFAULT 20)
    LANGUAGE plpgsql
AS $$
BEGIN
    CALL await_embedding(
        request_embedding('text', convert_to(coalesce(query, ''), 'UTF8')), timeout_s);
END;
$$;

COMMENT ON PROCEDURE embed_query(text, double precision) IS
    'Has a running embedder turn words into a vector, kept for search_text. Needs autocommit. '
    'Example: CALL embed_query(''a red circle'');';
REVOKE ALL ON PROCEDURE embed_query(text, double precision) FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE embed_query(text, double precision) TO sceneql_analyst;
