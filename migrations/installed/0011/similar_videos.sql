-- Purpose: videos to watch after this one. Some frames spread over the video are looked up each, and
-- a video that came up counts by how well, on average, its best frame answers each of them: what
-- the two share counts, and not, as with one mean vector a video, a blend that neither shows. Of
-- the videos that came up all frames are measured: only numbers are compared then, and all else is
-- looked up for the k videos that are left. As in nearest_frames, the statement names the model.
CREATE OR REPLACE FUNCTION similar_videos(
    like_video_id bigint, k integer DEFAULT 20, within bigint[] DEFAULT NULL,
    exact boolean DEFAULT false
)
    RETURNS TABLE (
        rank integer, video_id bigint, title text, path text, similarity double precision,
        scene_no integer, start_s double precision, end_s double precision,
        frame_no integer, t_s double precision, like_frame_no integer, is_exact boolean
    )
    LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
DECLARE
    frames_asked CONSTANT integer := 12;
    n bigint := 10 * k::bigint;
    taken bigint;
    is_whole boolean := exact;
    model record;
    asked integer[];
    candidates bigint[];
BEGIN
    PERFORM check_k(k);
    SELECT array_agg(spread.frame_no) INTO asked
    FROM (
        SELECT min(placed.frame_no) AS frame_no
        FROM (
            SELECT m.frame_no, ntile(frames_asked) OVER (ORDER BY m.frame_no) AS part
            FROM moments m WHERE m.video_id = like_video_id
        ) AS placed
        GROUP BY placed.part
    ) AS spread;
    IF asked IS NULL THEN
        RAISE EXCEPTION 'video % has no indexed frames', like_video_id
            USING ERRCODE = 'SQ002', HINT = 'SELECT id, title, status, path FROM videos lists them.';
    END IF;
    IF exact THEN
        candidates := ARRAY(
            SELECT v.id FROM videos v
            WHERE v.path IS NOT NULL AND v.status = 'indexed' AND v.id <> like_video_id
                AND (within IS NULL OR v.id = ANY (within)));
    END IF;
    WHILE NOT exact LOOP
        SELECT max(found.taken), array_agg(DISTINCT found.id) FILTER (WHERE found.id IS NOT NULL)
        INTO taken, candidates
        FROM unnest(asked) AS frame (no)
        CROSS JOIN LATERAL (
            SELECT near.video_id AS id, count(*) OVER () AS taken
            FROM nearest_frames(frame_vector(like_video_id, frame.no),
                least(n, 2147483647)::integer, within, false, like_video_id) AS near
        ) AS found;
        is_whole := coalesce(taken, 0) < n;
        EXIT WHEN is_whole OR cardinality(candidates) >= k;
        n := n * 4;
    END LOOP;
    SELECT m.id, m.dim INTO model FROM embedding_models m WHERE m.active;
    RETURN QUERY EXECUTE format($query$
        -- Materialized, or the planner looks a frame's vector up for each row that it is compared with.
        WITH frame AS MATERIALIZED (
            SELECT a.no, frame_vector($1, a.no)::halfvec(%1$s) AS vector FROM unnest($2) AS a (no)
        ),
        best AS MATERIALIZED (
            SELECT frame.no, e.video_id, min(e.embedding::halfvec(%1$s) <=> frame.vector) AS distance
            FROM frame_embeddings e CROSS JOIN frame
            WHERE e.model_id = %2$s AND e.video_id = ANY ($3)
            GROUP BY frame.no, e.video_id
        ),
        video AS (
            SELECT b.video_id, 1 - avg(b.distance) AS similarity FROM best b GROUP BY b.video_id
            ORDER BY similarity DESC, b.video_id LIMIT $4
        )
        SELECT row_number() OVER (ORDER BY v.similarity DESC, v.video_id)::integer AS rank,
            v.video_id, m.title, m.path, v.similarity, m.scene_no, m.start_s, m.end_s,
            m.frame_no, m.t_s, nearest.no, $5
        FROM video v
        CROSS JOIN LATERAL (
            SELECT frame.no, frame.vector FROM best b JOIN frame ON frame.no = b.no
            WHERE b.video_id = v.video_id ORDER BY b.distance, b.no LIMIT 1
        ) AS nearest
        CROSS JOIN LATERAL (
            SELECT n.* FROM moments n WHERE n.video_id = v.video_id
            ORDER BY n.embedding <=> nearest.vector, n.frame_no LIMIT 1
        ) AS m
        ORDER BY rank
        $query$, model.dim, model.id)
        USING like_video_id, asked, candidates, k, is_whole;
END;
$$;

COMMENT ON FUNCTION similar_videos(bigint, integer, bigint[], boolean) IS
    'The k videos most like a video, itself left out, among those whose ids are in within (NULL: all), each '
    'with the scene and frame that is most like one of its frames, like_frame_no.';
REVOKE ALL ON FUNCTION similar_videos(bigint, integer, bigint[], boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION similar_videos(bigint, integer, bigint[], boolean) TO sceneql_analyst;
