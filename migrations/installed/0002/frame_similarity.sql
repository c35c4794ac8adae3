-- Purpose: how alike two indexed frames are.
CREATE OR REPLACE FUNCTION frame_similarity(
    video_a bigint, frame_a integer, video_b bigint, frame_b integer
)
    RETURNS double precision
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT 1 - (frame_vector(video_a, frame_a) <=> frame_vector(video_b, frame_b));
END;

COMMENT ON FUNCTION frame_similarity(bigint, integer, bigint, integer) IS
    'The cosine similarity (-1 to 1) of two indexed frames, by the active model.';
REVOKE ALL ON FUNCTION frame_similarity(bigint, integer, bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION frame_similarity(bigint, integer, bigint, integer) TO sceneql_analyst;
