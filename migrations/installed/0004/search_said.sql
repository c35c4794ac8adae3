-- Purpose: every line of the subtitles that matches keywords, with the time it was said. One SELECT without
-- ORDER BY and LIMIT, so that the planner takes it into the caller's query, where any WHERE and JOIN
-- reach the index on the lines' words.
CREATE OR REPLACE FUNCTION search_said(keywords text)
    RETURNS TABLE (
        video_id bigint, title text, description text, collection text, tags text[],
        metadata jsonb, recorded_at timestamptz, duration_s double precision, path text,
        scene_no integer, line_no integer, start_s double precision, end_s double precision,
        said text, frame_no integer, relevance double precision
    )
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT
        v.id, v.title, v.description, v.collection, v.tags,
        v.metadata, v.recorded_at, v.duration_s, v.path,
        l.scene_no, l.line_no, l.start_s, l.end_s,
        l.said,
        (
            SELECT f.frame_no FROM frames f
            WHERE f.video_id = l.video_id AND f.scene_no = l.scene_no
            ORDER BY abs(f.t_s - l.start_s), f.frame_no LIMIT 1
        ),
        ts_rank(l.said_words, keyword_query(keywords))::double precision
    FROM subtitles l
    JOIN videos v ON v.id = l.video_id
    WHERE l.said_words @@ keyword_query(keywords) AND v.path IS NOT NULL AND v.status = 'indexed';
END;

COMMENT ON FUNCTION search_said(text) IS
    'Every line of subtitles that matches keywords (as in web searches: "a phrase", or, -not), when it was '
    'said, and the indexed frame nearest to it. The caller writes ORDER BY relevance DESC LIMIT n.';
REVOKE ALL ON FUNCTION search_said(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_said(text) TO sceneql_analyst;
