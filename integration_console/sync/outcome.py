"""How a run ended: its state, the reason in plain words, and its receipt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ..models import RunPart, SyncRun
from .sending.ending import Sent


@dataclass(frozen=True)
class Ending:
    """How a run ended, or why it waits."""

    state: str  # done, done_with_problems, failed, interrupted, needs_person, waiting
    message: str
    kind: str | None = None  # of the failure, as in ErrorLog
    retry_at: datetime | None = None
    silent: bool = False  # the service answered nothing at all: worth trying again by itself
    connection_id: int | None = None  # whose sign-in was lost, where that may be another than the run's own


def sum_up(parts: Iterable[RunPart]) -> Ending:
    """The ending that the parts of a run add up to when nothing stopped it as a whole."""
    parts = list(parts)
    failed = [p for p in parts if p.state == "failed"]
    odd = [p for p in parts if p.state == "done" and (p.refused or not p.complete or p.message)]
    if braked := next((p for p in failed if p.failure_kind == "conflict"), None):
        return Ending("needs_person", braked.message or "", "conflict")
    if failed and len(failed) == len(parts):
        return Ending("failed", failed[0].message or "", failed[0].failure_kind)
    if failed:
        names = ", ".join(p.resource.replace("_", " ") for p in failed)
        return Ending(
            "done_with_problems", f"Everything was read except {names}. {failed[0].message}", failed[0].failure_kind
        )
    if odd:
        refused = sum(p.refused for p in odd)
        kept = _many(refused, "record could not be kept and waits", "records could not be kept and wait")
        said = f"{kept} under Errors." if refused else odd[0].message
        return Ending("done_with_problems", str(said), "value" if refused else "upstream")
    return Ending("done", _counts(parts))


def carried(counts: Mapping[str, int], sent: Sent, waits: int = 0) -> Ending:
    """How a mapping's run ended by what it counted and sent. waits: how often a record waits for another one."""
    said = f"{sent.created:,} made, {sent.done - sent.created - sent.deleted:,} changed, {sent.deleted:,} deleted."
    odd = []
    if refused := counts["refused"] + sent.dead:
        odd.append(f"{refused:,} could not be carried: {as_sentence((sent.messages or ['see the pairs'])[0])}")
    if owed := counts["owed"]:
        halves = _many(owed, "bill or invoice stands", "bills or invoices stand")
        odd.append(f"{halves} whose other half was deleted: look at both sides.")
    if sent.unkept:
        taken = _many(sent.unkept, "was taken and is", "were taken and are")
        odd.append(f"{taken} not all there: {as_sentence(sent.messages[-1])}")
    if paused := counts["paused"]:
        odd.append(_many(paused, "pair was paused: it does", "pairs were paused: they do") + " not come to rest.")
    odd += waiting(sent)
    if sent.stale:
        changed = _many(sent.stale, "record", "records")
        odd.append(f"{changed} changed upstream each time a write was tried: the next run compares again.")
    if ambiguous := counts["ambiguous"]:
        odd.append(_many(ambiguous, "record waits", "records wait") + " for a person to match.")
    open_still = []
    if asked := counts["asked"]:
        open_still.append(f"Both sides changed {_many(asked, 'field', 'fields')}: a person is asked.")
    if waits:
        open_still.append(_many(waits, "record waits", "records wait") + " for another one that is not there yet.")
    if not sent.done and not odd and not open_still:
        return Ending("done", "Both sides agreed already." if counts["seen"] else "Nothing had changed.")
    return Ending(
        "done_with_problems" if odd else "done", " ".join([said, *odd, *open_still]), "value" if odd else None
    )


def waiting(sent: Sent) -> list[str]:
    """What was not written yet, in sentences: what a legal hold keeps with its reason."""
    said, others = [], sent.waiting - len(sent.held)
    if others:
        said.append(_many(others, "write waits", "writes wait") + " for another try.")
    for why, count in Counter(sent.held).items():
        said.append(f"{_many(count, 'deletion waits', 'deletions wait')}. {as_sentence(why)}")
    return said


def _many(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def as_sentence(said: str | None) -> str:
    """What a service said, so that another sentence may follow: "It is invalid" gets its full stop."""
    said = (said or "").strip()
    return said if not said or said.endswith((".", "!", "?", "…")) else f"{said}."


def receipt(run: SyncRun) -> dict:
    """The receipt of a run, as the command line and the page give it.

    {"run_id", "state", "message", "resources": {"matters": {"seen", "new", "changed", "same", "deleted", "refused",
    "calls", "waited_seconds", "complete", ...}}}
    """
    return {
        "run_id": run.id,
        "state": run.state,
        "message": run.message,
        "resources": {part.resource: _line(part) for part in run.parts},
    }


def _line(part: RunPart) -> dict:
    numbers = ("seen", "new", "changed", "same", "deleted", "refused", "calls")
    return {name: getattr(part, name) for name in numbers} | {
        "waited_seconds": round(part.waited_seconds, 3),
        "complete": part.complete,
        "mode": part.mode,
        "state": part.state,
        "since": part.since.isoformat() if part.since else None,
        "until": part.until.isoformat() if part.until else None,
        "upstream_count": part.upstream_count,
        "message": part.message,
        "note": part.note,
    }


def _counts(parts: list[RunPart]) -> str:
    new, changed, deleted, same = (sum(getattr(p, n) for p in parts) for n in ("new", "changed", "deleted", "same"))
    if not new + changed + deleted:
        return "Nothing had changed." if same or parts else "There was nothing to read."
    return f"{new:,} new, {changed:,} changed, {deleted:,} gone, {same:,} unchanged."
