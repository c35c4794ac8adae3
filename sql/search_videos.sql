-- Purpose: the videos that answer a question in words best, with their best moments.
CREATE OR REPLACE FUNCTION search_videos(
    query text, k integer DEFAULT 20, within bigint[] DEFAULT NULL,
    moments_each integer DEFAULT 3, score text DEFAULT 'max',
    min_z double precision DEFAULT NULL, exact boolean DEFAULT false
)
    RETURNS TABLE (
        video_rank integer, video_similarity double precision, rank integer, video_id bigint,
        title text, path text, scene_no integer, start_s double precision, end_s double precision,
        frame_no integer, t_s double precision, similarity double precision, z double precision,
        matched_by text[], is_exact boolean
    )
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT * FROM rank_videos(
        query_vector(query), k, within, moments_each, score, min_z, exact);
END;

COMMENT ON FUNCTION search_videos(
    text, integer, bigint[], integer, text, double precision, boolean) IS
    'The k videos that answer words, which embed_query has made ready, among those whose ids are in '
    'within (NULL: all), each with its best moments, moments_each at most; score as in rank_videos.';
REVOKE ALL ON FUNCTION search_videos(
    text, integer, bigint[], integer, text, double precision, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_videos(
    text, integer, bigint[], integer, text, double precision, boolean) TO sceneql_analyst;
