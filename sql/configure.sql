-- Purpose: what a migration cannot leave in a database for good. Settings of a database get lost in a
-- copy made from a template and in a pg_dump without -C, and roles belong to the cluster. So this runs
-- after each migration, after a restore and on each test database, as often as anybody likes.
DO $$
DECLARE
    setting record;
BEGIN
    -- Two processes at once would change the same rows of the catalog, which fails.
    PERFORM pg_advisory_xact_lock(202652);

    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sceneql_analyst') THEN
        BEGIN
            CREATE ROLE sceneql_analyst LOGIN;
            COMMENT ON ROLE sceneql_analyst IS 'Reads and searches SceneQL, and changes nothing.';
        EXCEPTION
            -- Another database of the cluster has made it in this very moment.
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;

    -- Loads the extension's library: only then does the server know hnsw.* as settings.
    PERFORM '[1]'::vector;
    FOR setting IN SELECT * FROM (VALUES
        -- Without it an index scan ends after ef_search rows, whatever the filter has left of them.
        -- relaxed_order would return rows out of order.
        ('hnsw.iterative_scan', 'strict_order'),
        ('hnsw.ef_search', '100'),
        -- A filter that holds little of the library scans further than the default of 20,000 rows.
        ('hnsw.max_scan_tuples', '200000'),
        ('hnsw.scan_mem_multiplier', '4'),
        -- The generic plan of a prepared search keeps the index whatever the filter holds.
        ('plan_cache_mode', 'force_custom_plan'),
        -- Searches take milliseconds: compiling them would take longer.
        ('jit', 'off'),
        -- Memoize would lay out a table for every frame of the library, to look ten of them up.
        ('enable_memoize', 'off'),
        ('random_page_cost', '1.1')
    ) AS settings (name, value) LOOP
        EXECUTE format(
            'ALTER DATABASE %I SET %s = %L', current_database(), setting.name, setting.value);
    END LOOP;
    EXECUTE format('ALTER ROLE sceneql_analyst IN DATABASE %I SET statement_timeout = %L',
        current_database(), '30s');

    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO sceneql_analyst', current_database());
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    GRANT USAGE ON SCHEMA public TO sceneql_analyst;
    REVOKE ALL ON videos, video_files, scenes, subtitles, frames, fingerprints, frame_embeddings,
        embedding_models, query_embeddings, kept_rankings, sources, moments FROM PUBLIC, sceneql_analyst;
    GRANT SELECT ON videos, video_files, scenes, subtitles, frames, fingerprints, frame_embeddings,
        embedding_models, sources, moments TO sceneql_analyst;
END;
$$;
