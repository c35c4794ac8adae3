-- Purpose: what a ranking returns, one row per scene. A type of its own, because several functions
-- return it and one hands it to another.
DO $$
BEGIN
    -- A type knows no CREATE OR REPLACE.
    IF to_regtype('moment_hit') IS NULL THEN
        CREATE TYPE moment_hit AS (
            rank integer,
            video_id bigint,
            title text,
            path text,
            scene_no integer,
            start_s double precision,
            end_s double precision,
            frame_no integer,
            t_s double precision,
            similarity double precision,
            z double precision,
            matched_by text[],
            is_exact boolean
        );
    END IF;
END;
$$;

COMMENT ON TYPE moment_hit IS
    'A scene that answers a question: where it is, its best frame, how well that fits, and why.';
