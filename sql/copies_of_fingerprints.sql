-- Purpose: which library videos contain what these fingerprints were taken from, and where.
-- A copy's fingerprint differs in some bits, and an HNSW index can neither search a radius nor get past
-- many equal hashes. So each hash, and that of its mirror image, is cut into four pieces, and looked up
-- by each piece as it is and with any one of its bits flipped: hashes that differ in at most seven bits
-- are always found, those that differ in twelve two times in three. A copy shows in many fingerprints
-- at one offset and speed: these are voted for, then a line is fitted through what agrees, then every
-- fingerprint along the line is compared.
CREATE OR REPLACE FUNCTION copies_of_fingerprints(
    times_s double precision[], hashes bit(64)[], except_video bigint DEFAULT NULL
)
    RETURNS TABLE (
        video_id bigint, title text, path text, start_s double precision, end_s double precision,
        from_s double precision, to_s double precision, speed double precision,
        is_mirrored boolean, agreement double precision
    )
    LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH RECURSIVE
    -- A blank picture has no bits to compare.
    shown AS (
        SELECT array_agg(a.t_s ORDER BY a.t_s) AS times, array_agg(a.phash ORDER BY a.t_s) AS prints
        FROM unnest(times_s, hashes) AS a (t_s, phash) WHERE bit_count(a.phash) > 0
    ),
    -- A static run counts once, however long, and a slow change as often as it differs from what
    -- counted last.
    walk AS (
        SELECT 1 AS place, s.prints[1] AS counted, true AS is_new FROM shown s
        UNION ALL
        SELECT w.place + 1,
            CASE WHEN bit_count(s.prints[w.place + 1] # w.counted) > 4
                THEN s.prints[w.place + 1] ELSE w.counted END,
            bit_count(s.prints[w.place + 1] # w.counted) > 4
        FROM walk w CROSS JOIN shown s WHERE w.place < cardinality(s.prints)
    ),
    asked AS (
        SELECT s.times[w.place] AS t_s, s.prints[w.place] AS phash, w.is_new
        FROM walk w CROSS JOIN shown s WHERE s.prints IS NOT NULL
    ),
    turned AS (
        SELECT a.t_s, a.phash, false AS is_mirrored FROM asked a WHERE a.is_new
        UNION ALL
        -- Mirroring turns the sign of every other horizontal frequency.
        SELECT a.t_s, a.phash # x'AAAAAAAAAAAAAAAA', true FROM asked a WHERE a.is_new
    ),
    flip AS (
        SELECT b'0000000000000000' AS bits
        UNION ALL SELECT set_bit(b'0000000000000000', n, 1) FROM generate_series(0, 15) AS n
    ),
    hit AS (
        SELECT t.t_s, t.is_mirrored, t.phash, f.video_id, f.t_s AS there_s, f.phash AS there_hash
        FROM turned t CROSS JOIN flip
        JOIN fingerprints f ON substring(f.phash, 1, 16) = substring(t.phash, 1, 16) # flip.bits
        UNION
        SELECT t.t_s, t.is_mirrored, t.phash, f.video_id, f.t_s, f.phash
        FROM turned t CROSS JOIN flip
        JOIN fingerprints f ON substring(f.phash, 17, 16) = substring(t.phash, 17, 16) # flip.bits
        UNION
        SELECT t.t_s, t.is_mirrored, t.phash, f.video_id, f.t_s, f.phash
        FROM turned t CROSS JOIN flip
        JOIN fingerprints f ON substring(f.phash, 33, 16) = substring(t.phash, 33, 16) # flip.bits
        UNION
        SELECT t.t_s, t.is_mirrored, t.phash, f.video_id, f.t_s, f.phash
        FROM turned t CROSS JOIN flip
        JOIN fingerprints f ON substring(f.phash, 49, 16) = substring(t.phash, 49, 16) # flip.bits
    ),
    near AS (
        SELECT h.* FROM hit h
        JOIN videos v ON v.id = h.video_id
        WHERE bit_count(h.phash # h.there_hash) <= 22 AND bit_count(h.there_hash) > 0
            AND v.path IS NOT NULL AND v.status = 'indexed'
            AND h.video_id IS DISTINCT FROM except_video
    ),
    vote AS (
        -- Two bins each, half a bin apart, so that no offset lies on a border of both.
        SELECT n.video_id, n.is_mirrored, s.speed, half.a AS half,
            floor(n.there_s - s.speed * n.t_s + half.a) AS bin,
            count(DISTINCT n.t_s) AS votes, avg(bit_count(n.phash # n.there_hash)) AS bits,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY n.there_s - s.speed * n.t_s) AS offset_s
        FROM near n
        CROSS JOIN (VALUES (0.95), (0.975), (1), (1.025), (1.05)) AS s (speed)
        CROSS JOIN (VALUES (0), (0.5)) AS half (a)
        GROUP BY n.video_id, n.is_mirrored, s.speed, half.a, bin
        HAVING count(DISTINCT n.t_s) >= 2
    ),
    -- One guess for each three seconds of offset: a long stretch has votes at many speeds, and would
    -- leave no place for a shorter one elsewhere.
    guess AS (
        SELECT apart.*, row_number() OVER (PARTITION BY apart.video_id, apart.is_mirrored
            ORDER BY apart.votes DESC, apart.bits, abs(apart.speed - 1)) AS place
        FROM (
            SELECT DISTINCT ON (v.video_id, v.is_mirrored, round(v.offset_s / 3)) v.*
            FROM vote v
            ORDER BY v.video_id, v.is_mirrored, round(v.offset_s / 3), v.votes DESC,
                v.bits, abs(v.speed - 1)
        ) AS apart
    ),
    -- A line is fitted through the hits that lie near the guess. What hardly moves agrees along many
    -- lines, so the guess itself is tried as well.
    tried AS (
        SELECT g.video_id, g.is_mirrored, g.place, false AS is_fitted, g.speed, g.offset_s
        FROM guess g WHERE g.place <= 8
        UNION ALL
        SELECT g.video_id, g.is_mirrored, g.place, true, regr_slope(n.there_s, n.t_s),
            regr_intercept(n.there_s, n.t_s)
        FROM guess g
        JOIN near n ON n.video_id = g.video_id AND n.is_mirrored = g.is_mirrored
            AND abs(n.there_s - g.speed * n.t_s - g.offset_s) <= 0.75
        WHERE g.place <= 8
        GROUP BY g.video_id, g.is_mirrored, g.place, g.speed, g.offset_s
        HAVING max(n.t_s) - min(n.t_s) >= 4 AND regr_slope(n.there_s, n.t_s) BETWEEN 0.9 AND 1.1
    ),
    compared AS (
        SELECT f.video_id, f.is_mirrored, f.place, f.is_fitted, f.speed, f.offset_s, a.t_s, a.is_new,
            min(bit_count(f2.phash # CASE WHEN f.is_mirrored
                THEN a.phash # x'AAAAAAAAAAAAAAAA' ELSE a.phash END)) AS bits
        FROM tried f
        CROSS JOIN asked a
        JOIN fingerprints f2 ON f2.video_id = f.video_id
            AND f2.t_s BETWEEN f.offset_s + f.speed * a.t_s - 0.3
                AND f.offset_s + f.speed * a.t_s + 0.3
        GROUP BY f.video_id, f.is_mirrored, f.place, f.is_fitted, f.speed, f.offset_s, a.t_s, a.is_new
    ),
    -- A stretch goes on for as long as fingerprints agree, three seconds of others left aside.
    agreeing AS (
        SELECT c.*, coalesce(c.t_s - lag(c.t_s) OVER line > 3, true)::integer AS begins
        FROM compared c WHERE c.bits <= 20
        WINDOW line AS (PARTITION BY c.video_id, c.is_mirrored, c.place, c.is_fitted ORDER BY c.t_s)
    ),
    numbered AS (
        SELECT a.*, sum(a.begins) OVER (
            PARTITION BY a.video_id, a.is_mirrored, a.place, a.is_fitted ORDER BY a.t_s) AS stretch
        FROM agreeing a
    ),
    stretch AS (
        SELECT n.video_id, n.is_mirrored, n.place, n.is_fitted, n.speed, n.offset_s,
            min(n.t_s) AS from_s, max(n.t_s) AS to_s,
            count(*) FILTER (WHERE n.is_new) AS agreed, avg(n.bits) AS bits
        FROM numbered n
        GROUP BY n.video_id, n.is_mirrored, n.place, n.is_fitted, n.speed, n.offset_s, n.stretch
    ),
    judged AS (
        SELECT s.*, s.agreed::double precision / (
            SELECT count(*) FROM compared c
            WHERE c.video_id = s.video_id AND c.is_mirrored = s.is_mirrored AND c.place = s.place
                AND c.is_fitted = s.is_fitted AND c.is_new AND c.t_s BETWEEN s.from_s AND s.to_s) AS share
        FROM stretch s
        WHERE s.agreed >= 4 AND s.to_s - s.from_s >= 4 AND s.bits <= 17
    ),
    -- Several guesses may have led to the same place.
    best AS (
        SELECT DISTINCT ON (j.video_id, round(j.offset_s + j.speed * j.from_s)) j.*
        FROM judged j WHERE j.share >= 0.6
        ORDER BY j.video_id, round(j.offset_s + j.speed * j.from_s), j.agreed DESC, j.bits,
            abs(j.speed - 1)
    ),
    -- What a fixed camera sees agrees with what it saw at other times, though less well.
    apart AS (
        SELECT b.* FROM best b
        WHERE NOT EXISTS (
            SELECT FROM best o
            WHERE o.video_id = b.video_id AND o.from_s < b.to_s AND o.to_s > b.from_s
                AND (o.agreed >= 0.8 * b.agreed AND o.bits + 2 < b.bits
                    OR (o.agreed, -o.bits, -o.offset_s) > (b.agreed, -b.bits, -b.offset_s)
                    AND o.offset_s + o.speed * o.from_s < b.offset_s + b.speed * b.to_s
                    AND o.offset_s + o.speed * o.to_s > b.offset_s + b.speed * b.from_s))
    )
    SELECT a.video_id, v.title, v.path,
        greatest(a.offset_s + a.speed * a.from_s, 0),
        least(a.offset_s + a.speed * (a.to_s + 0.5), v.duration_s),
        a.from_s, a.to_s + 0.5, a.speed, a.is_mirrored, 1 - a.bits::double precision / 32
    FROM apart a JOIN videos v ON v.id = a.video_id
    ORDER BY a.agreed DESC, a.bits, a.video_id, a.from_s;
END;

COMMENT ON FUNCTION copies_of_fingerprints(double precision[], bit[], bigint) IS
    'Where library videos, except_video left out, contain what perceptual hashes at times_s seconds were '
    'taken from: from_s to to_s there is start_s to end_s here, speed seconds to one of theirs. agreement '
    'is 1 for equal hashes and 0 for unrelated ones.';
REVOKE ALL ON FUNCTION copies_of_fingerprints(double precision[], bit[], bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION copies_of_fingerprints(double precision[], bit[], bigint)
    TO sceneql_analyst;
