"""What each kind of error means in plain words: what happened, was anything lost, what to do, and who must do it."""

from __future__ import annotations

from typing import NamedTuple


class Advice(NamedTuple):
    """What a kind of error means, whether anything was lost, and what to do next."""

    happened: str
    lost: str
    next: str
    cause: str  # the class of its cause
    who: str  # one of WHO: whose turn it is


WHO = {
    "admin": "The firm's admin",
    "service": "The service",
    "person": "Whoever entered the data",
    "us": "Whoever looks after the console",
}

ADVICE = {
    "connection": Advice(
        "The service no longer accepts the connection's credentials.",
        "Nothing was lost. Nothing is read until the connection works again.",
        "Ask an admin to reconnect the account on its connection page.",
        "Sign-in at the service", "admin",
    ),
    "permission": Advice(
        "The connected account may not read this.",
        "Nothing was lost. Everything else is read as before.",
        "Give the account the right at the service, or switch this resource off on the connection's page.",
        "Rights of the account", "admin",
    ),
    "rate limit": Advice(
        "The service asked us to slow down.",
        "Nothing was lost. The run waits and then goes on where it stopped.",
        "Nothing, unless it happens every day: then read less often, or lower the service's limits in the settings.",
        "More calls than allowed", "us",
    ),
    "value": Advice(
        "The service sent records with values that cannot be used.",
        "The records are kept aside as they came; all others were kept.",
        "Correct the value at the service. The record passes at the next read, or when you retry it.",
        "Data", "person",
    ),
    "refused": Advice(
        "The service refused what the console wanted to write.",
        "Nothing was lost, and nothing was changed there. What was refused is kept as it was.",
        "Read the reason. Correct the value where it comes from, mend the mapping, or edit the write; then send it "
        "again.",
        "Data", "person",
    ),
    "missing": Advice(
        "The service does not have what was asked for.",
        "Nothing was lost.",
        "Check whether it was deleted at the service. If so, resolve this issue.",
        "Something is gone at the service", "person",
    ),
    "conflict": Advice(
        "The console stopped before a step that may be wrong.",
        "Nothing was lost, and nothing was changed after it stopped.",
        "Look at the run. Start it again, or release the brake if what it wants to do is right.",
        "A safeguard of the console", "admin",
    ),
    "upstream": Advice(
        "The service did not answer, or its answer could not be used.",
        "Nothing was lost. The next run reads what is missing.",
        "Wait for the next run. If it fails again, look at the service's status page and at the calls.",
        "Outage at the service", "service",
    ),
    "drift": Advice(
        "A nightly check found records that the reads before it had missed or held otherwise.",
        "Nothing was lost. The check read them anew; deletions beyond the brake wait for a person.",
        "Nothing, if it happened once. If it comes back, the service does not tell all its changes: read everything "
        "now and then, and tell the service.",
        "Changes the service did not tell", "service",
    ),
    "apart": Advice(
        "A bill and the invoice made of it do not agree: one was taken back or deleted and the other stands, they come "
        "to different sums, or the console must not carry what changed. Or no invoice can be made of a bill.",
        "Nothing was lost, and nothing is written to either.",
        "Look at both sides of the pair. Void what should not stand, or enter by hand what is missing: the problem "
        "closes by itself after the next run. Resolve it where it is right so.",
        "Data", "person",
    ),
    "backup": Advice(
        "A backup could not be made, or not be put back in a rehearsal.",
        "Nothing is lost now. If the database is lost, all that came since the last good backup is lost with it.",
        "Read the reason: mostly the disk is full, or the folder of backups cannot be reached. It is tried again every "
        "hour; Settings, Backups tells of the last good one and makes one at once.",
        "The backups", "us",
    ),
    "ours": Advice(
        "The console made a mistake here.",
        "What was read until then is kept.",
        "Retry once. If it comes back, send the details on this page to whoever looks after the console.",
        "A mistake in the console", "us",
    ),
}  # fmt: skip

# A conflict of single writes: no run was stopped, and there is no brake to release.
WITHHELD = Advice(
    "The console did not send what was to be written: what is there must not be changed, or changed meanwhile.",
    "Nothing was lost, and nothing was changed there. What was not sent is kept as it was.",
    "Read the reason. Change what stands in the way at the service, or leave such records out by the mapping's "
    "filters; then send the writes again, or drop them.",
    "A safeguard of the console", "person",
)  # fmt: skip


def of(kind: str, *, writes: bool = False) -> Advice:
    """What a kind of error means; writes: whether it is writes that met it."""
    return WITHHELD if kind == "conflict" and writes else ADVICE[kind]
