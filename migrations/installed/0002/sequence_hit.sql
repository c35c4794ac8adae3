-- Purpose: what search_sequence returns: two frames of a video, one after the other.
DO $$
BEGIN
    -- A type knows no CREATE OR REPLACE.
    IF to_regtype('sequence_hit') IS NULL THEN
        CREATE TYPE sequence_hit AS (
            rank integer,
            video_id bigint,
            title text,
            path text,
            start_s double precision,
            end_s double precision,
            first_scene_no integer,
            first_frame_no integer,
            first_t_s double precision,
            first_similarity double precision,
            first_z double precision,
            then_scene_no integer,
            then_frame_no integer,
            then_t_s double precision,
            then_similarity double precision,
            then_z double precision,
            is_exact boolean
        );
    END IF;
END;
$$;

COMMENT ON TYPE sequence_hit IS
    'A frame that answers one question and a later one of the same video that answers another.';
