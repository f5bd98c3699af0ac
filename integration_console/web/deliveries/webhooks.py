"""The door upstreams knock on: raw bytes in, an empty answer out, at once and without a cookie.

200 kept, 400 proved but malformed, 401 not proved, 413 too large, 429 too many, 503 nothing could be kept. Whatever
else goes wrong is 503 too, so that the sender comes again: a delivery we could not keep is never answered as if we had.
"""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, jsonify, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from ... import errors
from ...models import db
from ...operations.deliveries import webhooks
from .. import error_pages
from ..access import ANYONE, csrf, limiter, may

log = structlog.get_logger(__name__)

page = Blueprint("webhooks", __name__)
csrf.exempt(page)

MOST_BYTES = 1 << 20  # of one body
AGAIN_AFTER_S = 30
REFUSED_PER_MINUTE = 600  # at one address, of one sender: somebody who tries keys shuts the door for nobody else
CLIO = "clio"

_refusals = limiter.limit(
    lambda: f"{REFUSED_PER_MINUTE}/minute", key_func=lambda: f"{request.path} {request.remote_addr}",
    deduct_when=lambda answer: answer.status_code == 401,
)  # fmt: skip


@page.post("/webhooks/<service>/<connection_key>")
@may(ANYONE)
@_refusals
def receive(service: str, connection_key: str):
    """One delivery for one connection."""
    return _answered(service, connection_key)


@page.post("/webhook/matter")
@page.post("/webhook/matter_created")
@may(ANYONE)
@_refusals
def receive_for_clio():
    """One delivery of Clio's under an older address; the secret that fits tells whose it is."""
    return _answered(CLIO, None)


def _answered(service: str, connection_key: str | None) -> Response:
    try:
        request.max_content_length = MOST_BYTES
        knock = webhooks.Knock(request.host, dict(request.headers), request.get_data(cache=False))
        reply = webhooks.receive(service, connection_key, knock)
    except errors.Unproved:
        return _nothing(401)
    except errors.Malformed:
        return _nothing(400)
    except RequestEntityTooLarge:
        return _nothing(413)
    except errors.TooMany as error:
        return _nothing(429, error_pages.wait_s(error))
    except HTTPException as error:  # a body that ended too early
        return _nothing(error.code or 400)
    except (SQLAlchemyError, errors.Unavailable) as error:
        said = str(getattr(error, "orig", error)).strip().splitlines()[:1]
        log.warning("A delivery could not be kept", service=service, error=type(error).__name__, said=said)
        return _nothing(503, AGAIN_AFTER_S)
    except Exception:  # a mistake of ours: told in the log, and the sender comes again when it is mended (H1)
        log.exception("A delivery could not be taken in", service=service)
        return _nothing(503, AGAIN_AFTER_S)
    finally:
        db.session.remove()
    answer = jsonify({"challenge": reply.word}) if reply.word else _nothing(200)
    answer.headers.update(reply.headers)
    return answer


def _nothing(status: int, retry_after_s: int | None = None) -> Response:
    """An empty answer: some senders take any other for a failure, and a refusal says no more than that it is one."""
    answer = Response("", status, mimetype="text/plain")
    if retry_after_s is not None:
        answer.headers["Retry-After"] = str(retry_after_s)
    return answer
