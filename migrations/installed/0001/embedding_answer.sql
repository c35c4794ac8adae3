-- Purpose: says how a request stands to whoever made it. It runs with its owner's rights and returns
-- neither payload nor vector; the ids of other people's requests cannot be guessed.
CREATE OR REPLACE FUNCTION embedding_answer(
    request_id uuid, OUT answered boolean, OUT error text, OUT unknown_words text[], OUT key text
)
    LANGUAGE sql STABLE
    SECURITY DEFINER
    SET search_path = public, pg_temp
BEGIN ATOMIC
    SELECT q.answered_at IS NOT NULL, q.error, q.unknown_words, q.key
    FROM query_embeddings q WHERE q.id = request_id;
END;

COMMENT ON FUNCTION embedding_answer(uuid) IS
    'Whether a request was answered, the error if it failed, the words of the question that the '
    'model never saw, and its key.';
REVOKE ALL ON FUNCTION embedding_answer(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION embedding_answer(uuid) TO sceneql_analyst;
