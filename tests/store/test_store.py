from remit.store.store import Store


async def test_a_store_is_migrated(store: Store) -> None:
    async with store.pool.connection() as connection:
        found = await connection.execute("SELECT to_regclass('events'), to_regclass('procrastinate_jobs')")
        assert await found.fetchone() == ("events", "procrastinate_jobs")


async def test_b(store: Store) -> None:
    async with store.pool.connection() as connection:
        await connection.execute("SELECT 1")
