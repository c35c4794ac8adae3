-- Purpose: waits for an embedder's answer. It is a procedure because it commits: only then do the
-- embedders see the request and does this session see the answer.
CREATE OR REPLACE PROCEDURE await_embedding(request_id uuid, timeout_s double precision)
    LANGUAGE plpgsql
AS $$
DECLARE
    -- An embedder that has just been started takes its lock within this time.
    grace CONSTANT interval := '2 seconds';
    look_every CONSTANT interval := '0.25 seconds';
    -- Who has waited long may wait a little longer: many who look often slow the embedder down.
    shortest_sleep_s CONSTANT double precision := 0.002;
    longest_sleep_s CONSTANT double precision := 0.1;
    waiting_share CONSTANT double precision := 0.05;
    asked_at CONSTANT timestamptz := clock_timestamp();
    answer record;
    embedder_seen_at timestamptz := asked_at;
    looked_at timestamptz := asked_at;
BEGIN
    COMMIT;
    LOOP
        SELECT * INTO answer FROM embedding_answer(request_id);
        EXIT WHEN answer.answered;
        IF clock_timestamp() > looked_at + look_every THEN
            looked_at := clock_timestamp();
            IF embedder_running() THEN
                embedder_seen_at := looked_at;
            END IF;
        END IF;
        IF clock_timestamp() > embedder_seen_at + grace THEN
            RAISE EXCEPTION 'no embedder is running to turn the question into a vector'
                USING ERRCODE = 'SQ001', HINT = 'Start one: sceneql worker, or sceneql up.';
        END IF;
        IF clock_timestamp() > asked_at + make_interval(secs => timeout_s) THEN
            RAISE EXCEPTION 'the embedder did not answer within % s', timeout_s
                USING ERRCODE = 'SQ004',
                HINT = 'It may be loading its model: ask again, or look at its log.';
        END IF;
        PERFORM pg_sleep(least(longest_sleep_s, greatest(shortest_sleep_s,
            waiting_share * extract(epoch FROM clock_timestamp() - asked_at)::double precision)));
        COMMIT;
    END LOOP;
    IF answer.error IS NOT NULL THEN
        RAISE EXCEPTION '%', answer.error USING ERRCODE = 'SQ002';
    END IF;
    IF cardinality(answer.unknown_words) > 0 THEN
        RAISE NOTICE 'the model never saw: %', array_to_string(answer.unknown_words, ', ');
    END IF;
END;
$$;

COMMENT ON PROCEDURE await_embedding(uuid, double precision) IS
    'Waits until a request is answered; raises if it failed, if no embedder runs, or after timeout_s '
    'seconds. Needs autocommit.';
REVOKE ALL ON PROCEDURE await_embedding(uuid, double precision) FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE await_embedding(uuid, double precision) TO sceneql_analyst;
