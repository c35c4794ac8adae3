-- Purpose: how similar to a vector the frames of a sample are: what can be told of the whole library in
-- a few milliseconds. The sample is the frames with the smallest hashes of their keys. So it is always
-- current, the same for all questions, and an index gives it without any upkeep.
CREATE OR REPLACE FUNCTION sample_similarities(vector halfvec)
    RETURNS TABLE (video_id bigint, similarity double precision)
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    sample_size CONSTANT integer := 1000;
    model record;
BEGIN
    SELECT m.id, m.dim INTO model FROM embedding_models m WHERE m.active;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT e.video_id, 1 - (e.embedding::halfvec(%s) <=> $1) '
        'FROM frame_embeddings e WHERE e.model_id = %s '
        'ORDER BY hashint8extended(e.video_id, e.frame_no::bigint) LIMIT $2', model.dim, model.id)
        USING vector, sample_size;
END;
$$;

COMMENT ON FUNCTION sample_similarities(halfvec) IS
    'The cosine similarity between a vector and each frame of a sample of the library: at most 1,000, '
    'the same ones for every vector, those of hidden videos among them, in no order.';
REVOKE ALL ON FUNCTION sample_similarities(halfvec) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sample_similarities(halfvec) TO sceneql_analyst;
