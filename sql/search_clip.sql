-- Purpose: where the library shows what a clip from outside shows. The clip's frames were turned into
-- vectors by `sceneql embed`; each is looked up, and a scene counts by the best of them.
CREATE OR REPLACE FUNCTION search_clip(
    key text, k integer DEFAULT 20, within bigint[] DEFAULT NULL,
    min_z double precision DEFAULT NULL, exact boolean DEFAULT false
)
    RETURNS SETOF moment_hit
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    vectors halfvec[] := clip_vectors(key);
BEGIN
    RETURN QUERY
        WITH best AS (
            SELECT DISTINCT ON (hit.video_id, hit.scene_no) hit.*
            FROM unnest(vectors) AS frame (vector)
            CROSS JOIN LATERAL rank_scenes(frame.vector, k, within, min_z, exact) AS hit
            ORDER BY hit.video_id, hit.scene_no, hit.similarity DESC
        )
        SELECT row_number() OVER (ORDER BY b.similarity DESC, b.video_id, b.scene_no)::integer AS rank,
            b.video_id, b.title, b.path, b.scene_no, b.start_s, b.end_s, b.frame_no, b.t_s,
            b.similarity, b.z, b.matched_by, b.is_exact
        FROM best b ORDER BY rank LIMIT k;
END;
$$;

COMMENT ON FUNCTION search_clip(text, integer, bigint[], double precision, boolean) IS
    'The k scenes most like any frame of a clip, by the key that sceneql embed printed, among the videos '
    'whose ids are in within (NULL: all), best first.';
REVOKE ALL ON FUNCTION search_clip(text, integer, bigint[], double precision, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_clip(text, integer, bigint[], double precision, boolean)
    TO sceneql_analyst;
