-- Purpose: the scenes in which something is said, ranked by how they look. What is said holds for few
-- scenes, so all their frames are measured, and none is lost to an index that knows no words.
CREATE OR REPLACE FUNCTION rank_said(
    keywords text, vector halfvec DEFAULT NULL, k integer DEFAULT 20, within bigint[] DEFAULT NULL,
    min_z double precision DEFAULT NULL
)
    RETURNS SETOF moment_hit
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    wanted tsquery := keyword_query(keywords);
BEGIN
    PERFORM check_k(k);
    IF numnode(coalesce(wanted, '')) = 0 THEN
        RAISE EXCEPTION 'nothing is left of the words to be said'
            USING ERRCODE = 'SQ002', HINT = 'Give a word that means something, such as: said:"harbour".';
    END IF;
    RETURN QUERY
        WITH spoken AS MATERIALIZED (
            SELECT s.video_id, s.scene_no, ts_rank(s.said_words, wanted) AS relevance
            FROM scenes s
            WHERE s.said_words @@ wanted AND (within IS NULL OR s.video_id = ANY (within))
        ),
        -- Without a vector a scene is shown as it was when the words were said.
        best AS (
            SELECT DISTINCT ON (m.video_id, m.scene_no) m.video_id, m.title, m.path, m.scene_no,
                m.start_s, m.end_s, m.frame_no, m.t_s, p.relevance,
                1 - (m.embedding <=> vector) AS similarity
            FROM spoken p
            JOIN moments m ON m.video_id = p.video_id AND m.scene_no = p.scene_no
            LEFT JOIN LATERAL (
                SELECT t.start_s FROM subtitles t
                WHERE t.video_id = p.video_id AND t.scene_no = p.scene_no AND t.said_words @@ wanted
                ORDER BY ts_rank(t.said_words, wanted) DESC, t.line_no LIMIT 1
            ) AS l ON vector IS NULL
            ORDER BY m.video_id, m.scene_no, similarity DESC NULLS LAST, abs(m.t_s - l.start_s),
                m.frame_no
        ),
        scored AS (
            SELECT b.*, (b.similarity - g.mean) / g.deviation AS z
            FROM best b LEFT JOIN search_background(vector) g ON vector IS NOT NULL
        )
        SELECT row_number() OVER (
                ORDER BY s.similarity DESC NULLS LAST, s.relevance DESC, s.video_id, s.scene_no
            )::integer AS rank,
            s.video_id, s.title, s.path, s.scene_no, s.start_s, s.end_s, s.frame_no, s.t_s,
            s.similarity, s.z,
            CASE WHEN vector IS NULL THEN ARRAY['subtitles'] ELSE ARRAY['picture', 'subtitles'] END,
            true
        FROM scored s
        WHERE coalesce(s.z >= min_z, true)
        ORDER BY rank LIMIT k;
END;
$$;

COMMENT ON FUNCTION rank_said(text, halfvec, integer, bigint[], double precision) IS
    'The k scenes in which keywords (as in web searches: "a phrase", or, -not) are said, nearest to a vector '
    'first, or without one by how well the words fit; within and min_z as in rank_scenes. Always exact.';
REVOKE ALL ON FUNCTION rank_said(text, halfvec, integer, bigint[], double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rank_said(text, halfvec, integer, bigint[], double precision)
    TO sceneql_analyst;
