-- Purpose: the vector of an indexed frame, by the active model.
CREATE OR REPLACE FUNCTION frame_vector(video_id bigint, frame_no integer) RETURNS halfvec
    LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    vector halfvec;
BEGIN
    SELECT m.embedding INTO vector FROM moments m
    WHERE m.video_id = frame_vector.video_id AND m.frame_no = frame_vector.frame_no;
    IF vector IS NULL THEN
        RAISE EXCEPTION 'video % has no indexed frame %', video_id, frame_no
            USING ERRCODE = 'SQ002',
            HINT = 'SELECT frame_no, t_s FROM moments WHERE video_id = ... lists its frames.';
    END IF;
    RETURN vector;
END;
$$;

COMMENT ON FUNCTION frame_vector(bigint, integer) IS
    'The unit vector of an indexed frame; raises if there is none.';
REVOKE ALL ON FUNCTION frame_vector(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION frame_vector(bigint, integer) TO sceneql_analyst;
