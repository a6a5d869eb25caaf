# mypy: ignore-errors
# (its libraries are installed in .bench/venvs only)
"""The killed run on procrastinate alone: a job a step, each of which queues the next.

Stalled jobs are found and retried by a periodic task, as its documentation says, with times much shorter than its
defaults (a heartbeat each 2 s, dead after 6 s, looked for each 2 s; by default 10 s, 30 s and what you choose). A
lock a run keeps its jobs in order, a queueing lock a step keeps a retried job from queueing its successor
twice. Run by `python -m bench.durability`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path

import procrastinate
import psycopg
from procrastinate.exceptions import AlreadyEnqueued

sys.path.insert(0, str(Path(__file__).parent))
import killed
import workload

BEAT, DEAD = 2.0, 6.0  # seconds


def application(args) -> procrastinate.App:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=args.dsn))

    @app.task(name="take")
    async def take(run: str, step: int) -> None:
        if step < args.steps:
            await (killed.refund(run, step) if killed.is_effect(step) else look_up(step))
            with contextlib.suppress(AlreadyEnqueued):
                await queue(app, run, step + 1)

    @app.periodic(cron="* * * * * */2")  # seconds come last
    @app.task(name="retry_stalled", queueing_lock="retry_stalled", pass_context=True)
    async def retry_stalled(context, timestamp: int) -> None:
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=DEAD):
            await app.job_manager.retry_job(job)

    return app


async def look_up(step: int) -> dict[str, object]:
    return workload.record(workload.order_of(step))


async def queue(app: procrastinate.App, run: str, step: int) -> None:
    job = app.configure_task("take", lock=run, queueing_lock=f"{run}.{step}")
    await job.defer_async(run=run, step=step)


def finished(args) -> int:
    with psycopg.connect(args.dsn) as connection:
        query = """
            select count(*) from procrastinate_jobs
            where task_name = 'take' and status = 'succeeded' and (args->>'step')::int = %s
        """
        return connection.execute(query, (args.steps,)).fetchone()[0]


async def main() -> None:
    args = killed.options("The killed run on procrastinate.").parse_args()
    app = application(args)
    if args.mode == "finished":
        print(finished(args))
        return
    async with app.open_async():
        if args.mode == "start":
            await app.schema_manager.apply_schema_async()
            for index in range(args.runs):
                await queue(app, killed.name_of(index), 0)
            return
        work = asyncio.create_task(
            app.run_worker_async(
                concurrency=args.at_once,
                install_signal_handlers=False,
                update_heartbeat_interval=BEAT,
                stalled_worker_timeout=DEAD,
            )
        )
        await killed.until_stopped()
        if work.done():
            work.result()
        os._exit(0)  # without waiting for what runs


if __name__ == "__main__":
    asyncio.run(main())
