-- Purpose: the scenes that answer a vector best, each by its best frame: what is seen in one frame of
-- a scene would drown in the mean over all. Which frames share a scene is known only once they
-- are there, so frames are taken in growing numbers until there are k scenes.
CREATE OR REPLACE FUNCTION rank_scenes(
    vector halfvec, k integer DEFAULT 20, within bigint[] DEFAULT NULL,
    min_z double precision DEFAULT NULL, exact boolean DEFAULT false
)
    RETURNS SETOF moment_hit
    LANGUAGE plpgsql STABLE
    -- Whatever is asked, the same plan serves; to make one takes as long as half of a search.
    SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    n bigint := 4 * k::bigint;
    ground record;
    taken bigint;
    hits moment_hit[];
BEGIN
    PERFORM check_k(k), check_vector(vector);
    SELECT b.mean, b.deviation INTO ground FROM search_background(vector) b;
    LOOP
        WITH near AS MATERIALIZED (
            SELECT * FROM nearest_frames(vector, least(n, 2147483647)::integer, within, exact)
        ),
        best AS (
            SELECT DISTINCT ON (f.video_id, f.scene_no)
                f.video_id, f.scene_no, f.frame_no, f.t_s, near.distance, near.is_exact
            FROM near JOIN frames f ON f.video_id = near.video_id AND f.frame_no = near.frame_no
            ORDER BY f.video_id, f.scene_no, near.distance, f.frame_no
        ),
        ranked AS (
            SELECT row_number() OVER (ORDER BY distance, video_id, scene_no) AS rank, *
            FROM best ORDER BY rank LIMIT k
        )
        SELECT (SELECT count(*) FROM near), array_agg(ROW(
            r.rank, r.video_id, v.title, v.path, r.scene_no, s.start_s, s.end_s, r.frame_no, r.t_s,
            1 - r.distance, (1 - r.distance - ground.mean) / ground.deviation, '{picture}', r.is_exact
        )::moment_hit ORDER BY r.rank)
        INTO taken, hits
        FROM ranked r
        JOIN videos v ON v.id = r.video_id
        JOIN scenes s ON s.video_id = r.video_id AND s.scene_no = r.scene_no;
        EXIT WHEN cardinality(hits) = k OR taken < n;
        n := n * 4;
    END LOOP;
    -- The hits are ordered, so what is cut off is their end.
    RETURN QUERY SELECT * FROM unnest(hits) AS hit
        WHERE min_z IS NULL OR hit.z IS NULL OR hit.z >= min_z;
END;
$$;

COMMENT ON FUNCTION rank_scenes(halfvec, integer, bigint[], double precision, boolean) IS
    'The k scenes nearest to a vector among the videos whose ids are in within (NULL: all), each by its '
    'best frame, best first; min_z leaves out what stands out less. If k scenes match, k come back.';
REVOKE ALL ON FUNCTION rank_scenes(halfvec, integer, bigint[], double precision, boolean)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rank_scenes(halfvec, integer, bigint[], double precision, boolean)
    TO sceneql_analyst;
