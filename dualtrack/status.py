"""What ``dualtrack status`` tells: how the workers, the broker and the store are doing, each green, red or neither.

Everything is looked at from outside: nobody joins a group, waits for a lock or opens the live store of a writer.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from dualtrack.settings import Settings
from dualtrack.worker_notes import WorkerState, look_at_workers

if TYPE_CHECKING:
    import duckdb

SNAPSHOT_RED_SECONDS: Final = 300.0
"""While a settle works, its snapshot is not older, unless copying it takes longer than 15 s."""

ALERT_RED_SECONDS: Final = 900.0
"""An alert that waits longer is not waiting for its next try only: the receiver is down."""

GROUP_PREFIX: Final = "dualtrack"


@dataclass(frozen=True, slots=True)
class Part:
    """One thing looked at. ``ok`` is None where it is neither green nor red."""

    name: str
    ok: bool | None
    found: str
    """For people."""
    facts: dict[str, Any] = field(default_factory=dict)
    """For programs."""

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {"name": self.name, "ok": self.ok, "found": self.found, **self.facts}


def status_of(settings: Settings) -> list[Part]:
    """Look at all of it; takes some seconds where the broker does not answer."""
    workers = look_at_workers(settings.workers_folder)
    settling = any(one.station == "settle" and one.phase == "running" for one in workers)
    return [*_kafka(settings), *_of_the_store(settings, settling=settling), *(worker_part(one) for one in workers)]


def worker_part(worker: WorkerState) -> Part:
    """A worker that noted its address under this home. One that does not answer, or runs without progress, is red."""
    name = f"{worker.station} {worker.pid}"
    facts = {"worker": worker.as_dict()}
    if worker.elsewhere:
        return Part(name, None, f"on {worker.host}, which is not this machine", facts)
    told = "; ".join((*worker.problems, *worker.waits)) or "ready"
    at = f"http://{worker.http}"
    if not worker.answers:
        return Part(name, False, f"does not answer at {at}: look at its log", facts)
    good = worker.healthy and (worker.ready or worker.phase != "running")
    return Part(name, good, f"{worker.phase} at {at}: {told}", facts)


def _kafka(settings: Settings) -> Iterator[Part]:
    from dualtrack.diagnosis import broker

    found = broker(settings)
    mend = f"; {found.mend}" if found.mend and found.ok is not True else ""
    servers = settings.bootstrap_servers()
    yield Part("broker", found.ok, f"{found.found}{mend}", {"bootstrap_servers": servers})
    # With topics missing there are still groups to look at; without a broker there are none.
    if servers is not None and (found.ok or "lacks" in found.found):
        yield from _stations(settings, servers)


def _stations(settings: Settings, servers: str) -> Iterator[Part]:
    from confluent_kafka import KafkaException

    from dualtrack.groups import group_standings
    from schemas.topics import SETTLE_READS, VALIDATE_READS

    reads = {"validate": VALIDATE_READS, "settle": SETTLE_READS}
    groups = {f"{GROUP_PREFIX}-{station}": topics for station, topics in reads.items()}
    try:
        standings = group_standings(servers, settings.librdkafka(), groups)
    except KafkaException as error:
        yield Part("groups", False, f"the broker does not tell where they stand: {error.args[0].str()}")
        return
    for station in reads:
        standing = standings[f"{GROUP_PREFIX}-{station}"]
        waiting = {topic: count for topic, count in standing.lag.items() if count}
        total = sum(waiting.values())
        members = standing.members
        who = "members unknown" if members is None else "no member" if members == 0 else _number(members, "member")
        where = ", ".join(f"{topic} {count:,}" for topic, count in waiting.items())
        told = f"{who}, {_number(total, 'record')} behind ({where})" if total else f"{who}, nothing waits"
        # Records that nobody will read are the one thing that is wrong here; lag under load is not.
        ok = False if members == 0 and total else None if members == 0 else True
        yield Part(station, ok, told, {"members": members, "lag": standing.lag, "behind": total})


def _of_the_store(settings: Settings, *, settling: bool) -> Iterator[Part]:
    import duckdb

    from dualtrack.tools import reading
    from schemas.faults import Fault
    from sinks.base import NothingToRead

    path = settings.database
    if not path.exists() and not settings.snapshot.exists():
        yield Part("store", None, f"nothing at {path} yet", {"path": str(path)})
        return
    try:
        with reading(settings) as connection:
            yield _store(connection, settings, settling=settling)
            yield _rejections(connection)
            yield _alerts(connection)
    except NothingToRead as told:
        yield Part("store", None, str(told), {"path": str(path)})
    except (Fault, duckdb.Error) as fault:
        yield Part("store", False, str(fault).splitlines()[0], {"path": str(path)})


def _store(connection: "duckdb.DuckDBPyConnection", settings: Settings, *, settling: bool) -> Part:
    path = settings.database
    rows = connection.execute("SELECT outcome, count(*) FROM outcomes GROUP BY ALL ORDER BY 1").fetchall()
    ((last,),) = connection.execute("SELECT max(landed_at) FROM outcomes").fetchall()
    size = path.stat().st_size if path.exists() else None
    age = _age_of_file(settings.snapshot)
    counted = ", ".join(f"{count:,} {outcome}" for outcome, count in rows) or "empty"
    told = [f"{path}{f', {size / 1e6:,.1f} MB' if size is not None else ''}: {counted}"]
    if last is not None:
        told.append(f"last landed {_ago(_seconds_since(last))}")
    told.append("no snapshot yet" if age is None else f"snapshot of {_ago(age)}")
    stale = settling and (age is None or age > SNAPSHOT_RED_SECONDS)
    facts = {
        "path": str(path),
        "bytes": size,
        "outcomes": dict(rows),
        "last_landed_at": last,
        "snapshot_age_seconds": age,
    }
    return Part("store", not stale, "; ".join(told), facts)


def _rejections(connection: "duckdb.DuckDBPyConnection") -> Part:
    ((count,),) = connection.execute("SELECT count(*) FROM rejections_open").fetchall()
    told = f"{count:,} open: dualtrack rejections list" if count else "none is open"
    return Part("rejections", None if count else True, told, {"open": count})


def _alerts(connection: "duckdb.DuckDBPyConnection") -> Part:
    from sinks.alerts import last_errors, oldest_waiting

    waiting, errors = oldest_waiting(connection), last_errors(connection)
    facts: dict[str, Any] = {
        receiver: {"waiting": count, "oldest_seconds": _seconds_since(oldest), "last_error": errors.get(receiver)}
        for receiver, (count, oldest) in waiting.items()
    }
    if not facts:
        return Part("alerts", True, "none waits", {"waiting": {}})
    told = [
        f"{_number(one['waiting'], 'alert')} for {receiver} since {_ago(one['oldest_seconds'], ago=False)}"
        + (f" ({one['last_error']})" if one["last_error"] else "")
        for receiver, one in facts.items()
    ]
    late = any(one["oldest_seconds"] > ALERT_RED_SECONDS for one in facts.values())
    return Part("alerts", False if late else None, "; ".join(told), {"waiting": facts})


def _age_of_file(path: Path) -> float | None:
    return max(0.0, time.time() - path.stat().st_mtime) if path.exists() else None


def _seconds_since(moment: datetime) -> float:
    return max(0.0, (datetime.now(UTC) - moment).total_seconds())


def _ago(seconds: float, *, ago: bool = True) -> str:
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            told = _number(int(seconds // size), unit)
            break
    else:
        told = _number(int(seconds), "second")
    return f"{told} ago" if ago else told


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
