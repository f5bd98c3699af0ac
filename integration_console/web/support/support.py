"""The support packet of a problem, a run or a call: one file for whoever helps, without a secret in it."""

from __future__ import annotations

from flask import Blueprint, Response

from ... import clock
from ...operations.support import support_packet
from .. import forms
from ..access import actor, can, may

page = Blueprint("support", __name__)


@page.post("/errors/<int:issue_id>/packet")
@may("see errors")
def of_issue(issue_id: int):
    """What is known of a problem."""
    return _file(f"problem-{issue_id}", support_packet.of_issue, issue_id)


@page.post("/runs/<int:run_id>/packet")
@may("see runs")
def of_run(run_id: int):
    """What is known of a run."""
    return _file(f"run-{run_id}", support_packet.of_run, run_id)


@page.post("/transactions/<int:transaction_id>/packet")
@may("see transactions")
def of_call(transaction_id: int):
    """What is known of a call."""
    return _file(f"call-{transaction_id}", support_packet.of_call, transaction_id)


def _file(name: str, packet, number: int) -> Response:
    forms.sent()
    data = packet(number, contents=can("see record contents"), by=actor())
    name = f"support-{name}-{clock.now():%Y-%m-%d-%H%M}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(data, mimetype="application/zip", headers=headers)
