"""Slack's own words for what went wrong: what each means for us, and in a sentence for people.

Source: the `error` of each method in GitHub slackapi/slack-api-specs (2021-09-07), and docs.slack.dev.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MEANS = {
    "needs a person": (
        "not_authed", "invalid_auth", "account_inactive", "token_revoked", "org_login_required",
        "team_access_not_granted",
    ),
    "later": ("team_added_to_org",),  # the workspace moves to an organization, which takes hours, and ends by itself
    "refresh": ("token_expired",),
    "not allowed": (
        "missing_scope", "no_permission", "not_in_channel", "is_archived", "restricted_action", "access_denied",
        "not_allowed_token_type", "ekm_access_denied",
    ),
    "missing": ("channel_not_found", "user_not_found", "user_not_visible", "thread_not_found", "message_not_found"),
    "slow down": ("ratelimited", "rate_limited"),
    "retry": ("internal_error", "fatal_error", "request_timeout", "service_unavailable"),
    "unusable": (
        "invalid_cursor", "limit_required", "invalid_ts_oldest", "invalid_ts_latest", "invalid_limit", "unknown_method",
    ),
}  # fmt: skip
_WORD_OF = {code: word for word, codes in _MEANS.items() for code in codes}

_SENTENCES = {
    "not_authed": "no token was sent",
    "invalid_auth": "the token is not valid",
    "account_inactive": "the app's user was deleted or switched off",
    "token_revoked": "the token was taken back in Slack",
    "token_expired": "the token has ended",
    "no_permission": "the workspace does not let the app do this",
    "not_in_channel": "the app is not in this channel; invite it there",
    "channel_not_found": "there is no such channel, or the app may not see it",
    "is_archived": "the channel is archived",
    "team_added_to_org": "the workspace is moving to an organization",
    "msg_too_long": "the message is too long",
    "ratelimited": "too many calls of this method",
    "rate_limited": "too many messages",
}


def meaning(code: str) -> str:
    """What a failure means: a word of transport.client.DECISIONS.

    >>> meaning("token_revoked"), meaning("not_in_channel"), meaning("no_text")
    ('needs a person', 'not allowed', 'refused')
    """
    return _WORD_OF.get(code, "refused")


def sentence(code: str, body: Mapping[str, Any]) -> str:
    """The same for people, with Slack's own word behind it.

    >>> sentence("missing_scope", {"needed": "channels:history", "provided": "chat:write"})
    'the app has no permission channels:history; add it and install the app again (missing_scope)'
    """
    if code == "missing_scope":
        wanted = str(body.get("needed") or "for this")
        return f"the app has no permission {wanted}; add it and install the app again (missing_scope)"
    return f"{_SENTENCES[code]} ({code})" if code in _SENTENCES else code
