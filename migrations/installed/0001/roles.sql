-- Purpose: the role that reads and searches. Roles belong to the whole cluster, so it is made only
-- where it is absent, and a downgrade leaves it.
DO $$
BEGIN
    CREATE ROLE sceneql_analyst LOGIN;
    COMMENT ON ROLE sceneql_analyst IS 'Reads and searches SceneQL, and changes nothing.';
EXCEPTION
    WHEN duplicate_object THEN NULL;
END;
$$;
