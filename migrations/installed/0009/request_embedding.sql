-- Purpose: the one way to write a question. It runs with its owner's rights, so that an analyst who
-- may write nothing may still ask, and ask again after an error. What was answered and asked today
-- is read only: to note each time anew would have every search wait for the disk.
CREATE OR REPLACE FUNCTION request_embedding(kind text, payload bytea) RETURNS uuid
    LANGUAGE plpgsql
    SECURITY DEFINER
    SET search_path = public, pg_temp
AS $$
DECLARE
    renew_after CONSTANT interval := '1 day';
    request query_embeddings;
    asked_key text;
    active_id smallint := (SELECT m.id FROM embedding_models m WHERE m.active);
BEGIN
    IF active_id IS NULL THEN
        RAISE EXCEPTION 'the index is empty, so there is nothing to search'
            USING ERRCODE = 'SQ003', HINT = 'Index some videos first: sceneql ingest FOLDER.';
    END IF;
    IF kind IS NULL OR kind NOT IN ('text', 'image') THEN
        RAISE EXCEPTION 'a question is a text or an image' USING ERRCODE = 'SQ002';
    END IF;
    IF kind = 'text' AND length(convert_from(payload, 'UTF8')) NOT BETWEEN 1 AND 2000 THEN
        RAISE EXCEPTION 'a question has 1 to 2,000 characters, not %',
            length(convert_from(payload, 'UTF8')) USING ERRCODE = 'SQ002';
    END IF;
    IF kind = 'image' AND coalesce(length(payload), 0) NOT BETWEEN 1 AND 20 * 1024 * 1024 THEN
        RAISE EXCEPTION 'a picture has 1 byte to 20 MiB, not % bytes', length(payload)
            USING ERRCODE = 'SQ002';
    END IF;
    asked_key := encode(sha256(request_embedding.payload), 'hex');
    SELECT q.* INTO request FROM query_embeddings q
    WHERE q.model_id = active_id AND q.kind = request_embedding.kind AND q.key = asked_key
        AND q.answered_at IS NOT NULL AND q.error IS NULL AND q.requested_at > now() - renew_after;
    IF FOUND THEN
        RETURN request.id;
    END IF;
    INSERT INTO query_embeddings AS q (model_id, kind, key, payload)
    VALUES (active_id, request_embedding.kind, asked_key, request_embedding.payload)
    ON CONFLICT ON CONSTRAINT query_embeddings_pkey DO UPDATE
    SET requested_at = now(),
        answered_at = CASE WHEN q.error IS NULL THEN q.answered_at END,
        error = NULL
    RETURNING * INTO request;
    IF request.answered_at IS NULL THEN
        -- Without a word of what is asked: anybody may listen.
        NOTIFY sceneql_embed;
    END IF;
    RETURN request.id;
END;
$$;

COMMENT ON FUNCTION request_embedding(text, bytea) IS
    'Asks for the vector of a text (UTF-8, at most 2,000 characters) or an image (a picture file, '
    'at most 20 MiB) and returns the id of the request, which embedding_answer takes.';
REVOKE ALL ON FUNCTION request_embedding(text, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION request_embedding(text, bytea) TO sceneql_analyst;
