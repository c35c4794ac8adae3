-- Purpose: which other videos of the library contain this one or a part of it.
CREATE OR REPLACE FUNCTION find_copies(of_video_id bigint)
    RETURNS TABLE (
        video_id bigint, title text, path text, start_s double precision, end_s double precision,
        from_s double precision, to_s double precision, speed double precision,
        is_mirrored boolean, agreement double precision
    )
    LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT c.* FROM copies_of_fingerprints(
        ARRAY(SELECT f.t_s FROM fingerprints f WHERE f.video_id = of_video_id ORDER BY f.t_s),
        ARRAY(SELECT f.phash FROM fingerprints f WHERE f.video_id = of_video_id ORDER BY f.t_s),
        of_video_id) AS c;
END;

COMMENT ON FUNCTION find_copies(bigint) IS
    'Where other videos contain this one or a part of it of 5 s or more: from_s to to_s of this video is '
    'start_s to end_s of that one, which may be re-encoded, resized, cropped, mirrored or of another speed.';
REVOKE ALL ON FUNCTION find_copies(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_copies(bigint) TO sceneql_analyst;
