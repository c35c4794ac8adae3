-- Purpose: the videos that answer a vector best, with their best moments. A video counts by its best
-- scene. By the mean over its scenes' means, which is what simpler systems do, a long video that shows
-- the thing once comes last; it is kept to compare.
CREATE OR REPLACE FUNCTION rank_videos(
    vector halfvec, k integer DEFAULT 20, within bigint[] DEFAULT NULL,
    moments_each integer DEFAULT 3, score text DEFAULT 'max',
    min_z double precision DEFAULT NULL, exact boolean DEFAULT false
)
    RETURNS TABLE (
        video_rank integer, video_similarity double precision, rank integer, video_id bigint,
        title text, path text, scene_no integer, start_s double precision, end_s double precision,
        frame_no integer, t_s double precision, similarity double precision, z double precision,
        matched_by text[], is_exact boolean
    )
    LANGUAGE plpgsql STABLE
AS $$
#variable_conflict use_column
DECLARE
    scenes_wanted bigint := 3 * k::bigint;
    taken bigint;
    are_exact boolean := true;
    ids bigint[];
    similarities double precision[];
BEGIN
    PERFORM check_k(k), check_vector(vector);
    IF moments_each IS NULL OR moments_each < 1 THEN
        RAISE EXCEPTION 'moments_each is %; a video has 1 moment at least',
            coalesce(moments_each::text, 'NULL') USING ERRCODE = 'SQ002';
    END IF;
    IF score IS NULL OR score NOT IN ('max', 'mean') THEN
        RAISE EXCEPTION 'a video''s score is max or mean, not %', coalesce(score, 'NULL')
            USING ERRCODE = 'SQ002';
    END IF;
    IF score = 'max' THEN
        LOOP
            WITH scene AS MATERIALIZED (
                SELECT * FROM rank_scenes(
                    vector, least(scenes_wanted, 2147483647)::integer, within, NULL, exact)
            ),
            best AS (
                SELECT s.video_id, max(s.similarity) AS similarity
                FROM scene s GROUP BY s.video_id ORDER BY similarity DESC, s.video_id LIMIT k
            )
            SELECT (SELECT count(*) FROM scene), (SELECT bool_and(s.is_exact) FROM scene s),
                array_agg(b.video_id), array_agg(b.similarity)
            INTO taken, are_exact, ids, similarities FROM best b;
            EXIT WHEN cardinality(ids) = k OR taken < scenes_wanted;
            scenes_wanted := scenes_wanted * 4;
        END LOOP;
    ELSE
        SELECT array_agg(b.video_id), array_agg(b.similarity) INTO ids, similarities
        FROM (
            SELECT s.video_id, avg(s.similarity) AS similarity
            FROM (
                SELECT m.video_id, m.scene_no, avg(1 - (m.embedding <=> vector)) AS similarity
                FROM moments m WHERE within IS NULL OR m.video_id = ANY (within)
                GROUP BY m.video_id, m.scene_no
            ) AS s
            GROUP BY s.video_id ORDER BY similarity DESC, s.video_id LIMIT k
        ) AS b;
    END IF;
    -- The moments of so few videos are all measured.
    RETURN QUERY
        WITH video AS (
            SELECT * FROM unnest(ids, similarities) WITH ORDINALITY AS v (id, similarity, rank)
        ),
        best AS (
            SELECT DISTINCT ON (m.video_id, m.scene_no)
                m.video_id, m.title, m.path, m.scene_no, m.start_s, m.end_s, m.frame_no, m.t_s,
                1 - (m.embedding <=> vector) AS similarity
            FROM moments m WHERE m.video_id = ANY (ids)
            ORDER BY m.video_id, m.scene_no, similarity DESC, m.frame_no
        ),
        placed AS (
            SELECT row_number() OVER (PARTITION BY b.video_id ORDER BY b.similarity DESC, b.scene_no)
                AS rank, b.*
            FROM best b
        )
        SELECT v.rank::integer, v.similarity, p.rank::integer,
            p.video_id, p.title, p.path, p.scene_no, p.start_s, p.end_s, p.frame_no, p.t_s,
            p.similarity, (p.similarity - b.mean) / b.deviation, ARRAY['picture'], are_exact
        FROM placed p
        JOIN video v ON v.id = p.video_id
        CROSS JOIN search_background(vector) b
        WHERE p.rank <= moments_each
            AND coalesce((p.similarity - b.mean) / b.deviation >= min_z, true)
        ORDER BY v.rank, p.rank;
END;
$$;

COMMENT ON FUNCTION rank_videos(
    halfvec, integer, bigint[], integer, text, double precision, boolean) IS
    'The k videos that answer a vector best among those whose ids are in within (NULL: all), each with '
    'its best moments, moments_each at most. score => ''max'' (its best scene) or ''mean'' (the mean over '
    'the means of its scenes, which measures every frame).';
REVOKE ALL ON FUNCTION rank_videos(
    halfvec, integer, bigint[], integer, text, double precision, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rank_videos(
    halfvec, integer, bigint[], integer, text, double precision, boolean) TO sceneql_analyst;
