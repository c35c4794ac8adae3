-- Purpose: the frames that answer a vector best, each for itself, as rank_scenes gives scenes: for people
-- who want to see every moment of a long scene.
CREATE OR REPLACE FUNCTION rank_frames(
    vector halfvec, k integer DEFAULT 20, within bigint[] DEFAULT NULL,
    min_z double precision DEFAULT NULL, exact boolean DEFAULT false
)
    RETURNS SETOF moment_hit
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT check_k(k);
    WITH near AS MATERIALIZED (
        SELECT row_number() OVER (ORDER BY n.distance, n.video_id, n.frame_no) AS rank,
            n.video_id, n.frame_no, 1 - n.distance AS similarity, n.is_exact
        FROM nearest_frames(vector, k, within, exact) n
    )
    SELECT ROW(
        n.rank, n.video_id, v.title, v.path, f.scene_no, s.start_s, s.end_s, n.frame_no, f.t_s,
        n.similarity, (n.similarity - g.mean) / g.deviation, '{picture}', n.is_exact
    )::moment_hit
    FROM near n
    JOIN videos v ON v.id = n.video_id
    JOIN frames f ON f.video_id = n.video_id AND f.frame_no = n.frame_no
    JOIN scenes s ON s.video_id = n.video_id AND s.scene_no = f.scene_no
    CROSS JOIN search_background(vector) g
    WHERE coalesce((n.similarity - g.mean) / g.deviation >= min_z, true)
    ORDER BY n.rank;
END;

COMMENT ON FUNCTION rank_frames(halfvec, integer, bigint[], double precision, boolean) IS
    'The k frames nearest to a vector among the videos whose ids are in within (NULL: all), best first, any '
    'number of them from one scene; min_z leaves out what stands out less.';
REVOKE ALL ON FUNCTION rank_frames(halfvec, integer, bigint[], double precision, boolean)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rank_frames(halfvec, integer, bigint[], double precision, boolean)
    TO sceneql_analyst;
