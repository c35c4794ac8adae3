-- Purpose: the role that reads and searches. Roles belong to the whole cluster, so it is made only
-- where it is absent, and a downgrade leaves it.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sceneql_analyst') THEN
        BEGIN
            CREATE ROLE sceneql_analyst LOGIN;
            COMMENT ON ROLE sceneql_analyst IS 'Reads and searches SceneQL, and changes nothing.';
        EXCEPTION
            -- Another database of the cluster has made it in this very moment.
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
    END IF;
END;
$$;
