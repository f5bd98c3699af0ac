"""A service's application settings, and the accounts connected at it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, PrimaryKey

STATUSES = ("connected", "paused", "needs_reconnect", "removed")


class ApiConfig(Base):
    """One service's application settings. They win over the environment's; empty means "as the environment says"."""

    __tablename__ = "api_config"

    id: Mapped[PrimaryKey]
    service: Mapped[str] = mapped_column(String(40), unique=True)
    client_id: Mapped[str | None] = mapped_column(Text)
    client_secret: Mapped[str | None] = mapped_column(Text)  # sealed
    api_url: Mapped[str | None] = mapped_column(Text)
    auth_url: Mapped[str | None] = mapped_column(Text)
    token_url: Mapped[str | None] = mapped_column(Text)
    redirect_uri: Mapped[str | None] = mapped_column(Text)
    region: Mapped[str | None] = mapped_column(String(20))
    limits: Mapped[str | None] = mapped_column(String(200))  # as CLIO_LIMITS: "50/60,1000/3600"
    updated_at: Mapped[datetime]


class Connection(Base):
    """One authorised account at one service. Removed ones stay, without secrets, for their history."""

    __tablename__ = "connection"

    id: Mapped[PrimaryKey]
    key: Mapped[str] = mapped_column(String(40), unique=True)  # the name programs use; random, never the id
    service: Mapped[str] = mapped_column(String(40), index=True)
    name: Mapped[str] = mapped_column(String(200))
    credentials: Mapped[str | None] = mapped_column(Text)  # sealed JSON
    account_id: Mapped[str | None] = mapped_column(String(200))  # pinned for life (K5)
    account_name: Mapped[str | None] = mapped_column(String(300))
    scopes: Mapped[list] = mapped_column(default=list)  # the permissions that were granted
    permissions: Mapped[list] = mapped_column(default=list)  # those that were asked for
    facts: Mapped[dict] = mapped_column(default=dict)  # what the account told of itself when it was last proved
    consented_at: Mapped[datetime | None]  # from then on its sign-in's whole life is counted
    end_told: Mapped[int | None]  # days before that end when people were last told
    status: Mapped[str] = mapped_column(String(20), index=True)
    status_reason: Mapped[str | None] = mapped_column(Text)  # a sentence a person may read
    status_by: Mapped[str | None] = mapped_column(String(320))
    status_since: Mapped[datetime]
    settings: Mapped[dict] = mapped_column(default=dict)  # region, location_id ..., resources_off: [..]
    frequency: Mapped[str] = mapped_column(String(100), default="hourly")  # or manual, 15min, daily, weekly, cron
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    next_due_at: Mapped[datetime | None] = mapped_column(index=True)
    expires_at: Mapped[datetime | None]  # when the access token ends
    renewed_at: Mapped[datetime | None]
    last_sync_at: Mapped[datetime | None]  # end of the last run that finished well
    not_before: Mapped[datetime | None]  # told to slow down until then
    budget: Mapped[dict] = mapped_column(default=dict)  # as the upstream's headers last said
    created_by: Mapped[str | None] = mapped_column(String(320))
    created_at: Mapped[datetime]


class OAuthState(Base):
    """One consent a person was sent away for. Good once, for ten minutes, for the browser that began it (X7)."""

    __tablename__ = "oauth_state"

    id: Mapped[PrimaryKey]
    state_hash: Mapped[str] = mapped_column(String(64), unique=True)
    session_hash: Mapped[str] = mapped_column(String(64))  # of the browser session that may come back with it
    service: Mapped[str] = mapped_column(String(40))
    connection_id: Mapped[int | None]  # set when an existing connection is renewed
    name: Mapped[str] = mapped_column(String(200))
    settings: Mapped[dict] = mapped_column(default=dict)
    verifier: Mapped[str | None] = mapped_column(Text)  # sealed PKCE verifier
    redirect_uri: Mapped[str] = mapped_column(Text)
    asked_by: Mapped[str | None] = mapped_column(String(320))
    by_program: Mapped[bool] = mapped_column(default=False)  # begun through the API; session_hash names its owner
    permissions: Mapped[list] = mapped_column(default=list)  # asked for
    return_to: Mapped[str | None] = mapped_column(Text)  # a program's registered address, told the outcome
    their_state: Mapped[str | None] = mapped_column(Text)  # given back to it there
    pending: Mapped[str | None] = mapped_column(Text)  # sealed tokens that wait for a person's choice
    choices: Mapped[list] = mapped_column(default=list)  # the accounts they open: [{"id", "name", "facts", ...}]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
