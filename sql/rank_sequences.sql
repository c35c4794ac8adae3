-- Purpose: where one thing is followed by another in the same video. A pair counts by the sum of how far
-- its two frames stand out for their questions. The nearest frames of both questions are taken in growing
-- numbers, each with the best partner in its video, until no pair that was not seen can be
-- better: both of its frames would be worse than the worst taken. That is the threshold algorithm of
-- Fagin, Lotem and Naor, "Optimal aggregation algorithms for middleware" (PODS 2001).
CREATE OR REPLACE FUNCTION rank_sequences(
    first_vector halfvec, then_vector halfvec, max_gap_s double precision DEFAULT 60,
    k integer DEFAULT 20, within bigint[] DEFAULT NULL,
    min_z double precision DEFAULT NULL, exact boolean DEFAULT false
)
    RETURNS SETOF sequence_hit
    LANGUAGE plpgsql STABLE
AS $$
DECLARE
    n bigint := greatest(800, 12 * k::bigint);
    -- So many frames of each are enough for k pairs, whether or not better ones may be left.
    most_taken CONSTANT integer := 3200;
    first_ground record;
    then_ground record;
    first_low double precision;
    then_low double precision;
    has_z boolean;
    kth double precision;
    is_whole boolean;
    are_exact boolean;
    hits sequence_hit[];
BEGIN
    PERFORM check_k(k);
    IF max_gap_s IS NULL OR max_gap_s <= 0 OR max_gap_s = 'NaN' THEN
        RAISE EXCEPTION 'max_gap_s is %; it is a number of seconds above 0',
            coalesce(max_gap_s::text, 'NULL') USING ERRCODE = 'SQ002';
    END IF;
    -- Where there is too little for a background, the two similarities are added as they are.
    SELECT b.mean, b.deviation, coalesce(b.mean, 0) AS zero, coalesce(b.deviation, 1) AS unit
    INTO first_ground FROM search_background(first_vector) b;
    SELECT b.mean, b.deviation, coalesce(b.mean, 0) AS zero, coalesce(b.deviation, 1) AS unit
    INTO then_ground FROM search_background(then_vector) b;
    IF first_ground.mean IS NULL OR then_ground.mean IS NULL THEN
        first_ground.zero := 0; first_ground.unit := 1;
        then_ground.zero := 0; then_ground.unit := 1;
    END IF;
    has_z := first_ground.deviation IS NOT NULL AND then_ground.deviation IS NOT NULL;
    LOOP
        WITH first AS MATERIALIZED (
            SELECT f.video_id, f.scene_no, f.frame_no, f.t_s, 1 - h.distance AS similarity,
                h.is_exact
            FROM nearest_frames(first_vector, least(n, 2147483647)::integer, within, exact) h
            JOIN frames f ON f.video_id = h.video_id AND f.frame_no = h.frame_no
        ),
        next AS MATERIALIZED (
            SELECT f.video_id, f.scene_no, f.frame_no, f.t_s, 1 - h.distance AS similarity,
                h.is_exact
            FROM nearest_frames(then_vector, least(n, 2147483647)::integer, within, exact) h
            JOIN frames f ON f.video_id = h.video_id AND f.frame_no = h.frame_no
        ),
        -- What may be the other half of a pair. Near frames stand close together, so the spans that
        -- they cover are measured: each frame once, however many pairs it is in. Two frames within
        -- the gap are in one stretch of twice its length or in two neighbouring ones, by which they
        -- are joined, because a long video has too many frames to try each with each.
        after_first AS MATERIALIZED (
            SELECT m.video_id, m.scene_no, m.frame_no, m.t_s,
                1 - (m.embedding <=> then_vector) AS similarity,
                floor(m.t_s / (2 * max_gap_s)) AS stretch
            FROM (
                SELECT a.video_id, unnest(range_agg(
                    numrange(a.t_s::numeric, (a.t_s + max_gap_s)::numeric, '[]'))) AS span
                FROM first a GROUP BY a.video_id
            ) AS covered
            JOIN moments m ON m.video_id = covered.video_id AND m.t_s::numeric <@ covered.span
        ),
        before_next AS MATERIALIZED (
            SELECT m.video_id, m.scene_no, m.frame_no, m.t_s,
                1 - (m.embedding <=> first_vector) AS similarity,
                floor(m.t_s / (2 * max_gap_s)) AS stretch
            FROM (
                SELECT b.video_id, unnest(range_agg(
                    numrange((b.t_s - max_gap_s)::numeric, b.t_s::numeric, '[]'))) AS span
                FROM next b GROUP BY b.video_id
            ) AS covered
            JOIN moments m ON m.video_id = covered.video_id AND m.t_s::numeric <@ covered.span
        ),
        first_placed AS MATERIALIZED (
            SELECT a.*, floor(a.t_s / (2 * max_gap_s)) + step AS stretch
            FROM first a CROSS JOIN generate_series(0, 1) AS step
        ),
        next_placed AS MATERIALIZED (
            SELECT b.*, floor(b.t_s / (2 * max_gap_s)) - step AS stretch
            FROM next b CROSS JOIN generate_series(0, 1) AS step
        ),
        pair AS (
            SELECT a.video_id, a.scene_no AS first_scene_no, a.frame_no AS first_frame_no,
                a.t_s AS first_t_s, a.similarity AS first_similarity,
                m.scene_no AS then_scene_no, m.frame_no AS then_frame_no, m.t_s AS then_t_s,
                m.similarity AS then_similarity
            FROM first_placed a
            JOIN after_first m ON m.video_id = a.video_id AND m.stretch = a.stretch
                AND m.t_s > a.t_s AND m.t_s <= a.t_s + max_gap_s
            UNION ALL
            SELECT b.video_id, m.scene_no, m.frame_no, m.t_s, m.similarity,
                b.scene_no, b.frame_no, b.t_s, b.similarity
            FROM next_placed b
            JOIN before_next m ON m.video_id = b.video_id AND m.stretch = b.stretch
                AND m.t_s < b.t_s AND m.t_s >= b.t_s - max_gap_s
        ),
        scored AS (
            SELECT p.*,
                (p.first_similarity - first_ground.zero) / first_ground.unit
                + (p.then_similarity - then_ground.zero) / then_ground.unit AS score
            FROM pair p
            WHERE coalesce(least((p.first_similarity - first_ground.mean) / first_ground.deviation,
                (p.then_similarity - then_ground.mean) / then_ground.deviation) >= min_z, true)
        ),
        best AS (
            SELECT DISTINCT ON (s.video_id, s.first_scene_no) s.*
            FROM scored s
            ORDER BY s.video_id, s.first_scene_no, s.score DESC, s.first_t_s, s.then_t_s
        ),
        ranked AS (
            SELECT row_number() OVER (ORDER BY score DESC, video_id, first_scene_no) AS rank, *
            FROM best ORDER BY rank LIMIT k
        )
        SELECT
            (SELECT count(*) FROM first) < n,
            (SELECT bool_and(f.is_exact) FROM first f) AND (SELECT bool_and(b.is_exact) FROM next b),
            (SELECT min(f.similarity) - first_ground.zero FROM first f) / first_ground.unit,
            (SELECT min(b.similarity) - then_ground.zero FROM next b) / then_ground.unit,
            min(r.score),
            array_agg(ROW(
                r.rank, r.video_id, v.title, v.path, a.start_s, b.end_s,
                r.first_scene_no, r.first_frame_no, r.first_t_s, r.first_similarity,
                (r.first_similarity - first_ground.mean) / first_ground.deviation,
                r.then_scene_no, r.then_frame_no, r.then_t_s, r.then_similarity,
                (r.then_similarity - then_ground.mean) / then_ground.deviation, false
            )::sequence_hit ORDER BY r.rank)
        INTO is_whole, are_exact, first_low, then_low, kth, hits
        FROM ranked r
        JOIN videos v ON v.id = r.video_id
        JOIN scenes a ON a.video_id = r.video_id AND a.scene_no = r.first_scene_no
        JOIN scenes b ON b.video_id = r.video_id AND b.scene_no = r.then_scene_no;
        -- A pair that is not there yet has a frame below both of these.
        EXIT WHEN is_whole OR (cardinality(hits) = k AND kth >= first_low + then_low)
            OR (has_z AND least(first_low, then_low) < min_z);
        IF n >= most_taken AND cardinality(hits) = k AND NOT exact THEN
            are_exact := false;
            EXIT;
        END IF;
        n := CASE WHEN n < most_taken THEN most_taken ELSE 2147483647 END;
    END LOOP;
    RETURN QUERY
        SELECT hit.rank, hit.video_id, hit.title, hit.path, hit.start_s, hit.end_s,
            hit.first_scene_no, hit.first_frame_no, hit.first_t_s, hit.first_similarity,
            hit.first_z, hit.then_scene_no, hit.then_frame_no, hit.then_t_s,
            hit.then_similarity, hit.then_z, are_exact
        FROM unnest(hits) AS hit ORDER BY hit.rank;
END;
$$;

COMMENT ON FUNCTION rank_sequences(
    halfvec, halfvec, double precision, integer, bigint[], double precision, boolean) IS
    'The k places where a frame near one vector is followed, within max_gap_s seconds in the same video, '
    'by a frame near another, best sum of z first and one for each first scene; min_z holds for both.';
REVOKE ALL ON FUNCTION rank_sequences(
    halfvec, halfvec, double precision, integer, bigint[], double precision, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rank_sequences(
    halfvec, halfvec, double precision, integer, bigint[], double precision, boolean)
    TO sceneql_analyst;
