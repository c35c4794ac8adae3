-- Purpose: makes a picture ready for search_image, under a key, because nobody types a picture twice.
CREATE OR REPLACE PROCEDURE embed_image(
    image bytea, INOUT key text DEFAULT NULL, timeout_s double precision DEFAULT 20
)
    LANGUAGE plpgsql
AS $$
DECLARE
    request_id CONSTANT uuid := request_embedding('image', image);
BEGIN
    CALL await_embedding(request_id, timeout_s);
    SELECT a.key INTO embed_image.key FROM embedding_answer(request_id) a;
END;
$$;

COMMENT ON PROCEDURE embed_image(bytea, text, double precision) IS
    'Has a running embedder turn a picture file (JPEG, PNG, WebP...) into a vector and returns the key '
    'that search_image takes. Needs autocommit.';
REVOKE ALL ON PROCEDURE embed_image(bytea, text, double precision) FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE embed_image(bytea, text, double precision) TO sceneql_analyst;
