-- Purpose: every frame with its distance from a picture. One SELECT without ORDER BY and LIMIT, so that the planner
-- takes it into the caller's query: any WHERE, JOIN, ORDER BY distance and LIMIT reach the index.
-- The vector stands in a sub-select because only that is evaluated once, not once per row.
CREATE OR REPLACE FUNCTION search_image(key text)
    RETURNS TABLE (
        video_id bigint, title text, description text, collection text, tags text[],
        metadata jsonb, recorded_at timestamptz, duration_s double precision, path text,
        scene_no integer, start_s double precision, end_s double precision,
        frame_no integer, t_s double precision, said text, distance double precision
    )
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        m.video_id, m.title, m.description, m.collection, m.tags,
        m.metadata, m.recorded_at, m.duration_s, m.path,
        m.scene_no, m.start_s, m.end_s,
        m.frame_no, m.t_s, m.said, m.embedding <=> (SELECT image_vector(key))
    FROM moments m;
END;

COMMENT ON FUNCTION search_image(text) IS
    'Every frame with its cosine distance (0 to 2) from the picture whose key embed_image returned. '
    'The caller writes ORDER BY distance LIMIT n and any WHERE.';
REVOKE ALL ON FUNCTION search_image(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_image(text) TO sceneql_analyst;
