"""Settings: one's own profile, and for administrators the firm, services, retention, people, system and audit log."""

from __future__ import annotations

from flask import Blueprint, render_template

from . import Menu
from .access import may

page = Blueprint("settings", __name__, url_prefix="/settings")
menu = Menu("Settings", icon="gear", order=9, key="s")


@page.get("/")
@may("keep own profile")
def index():
    return profile()


@page.get("/profile")
@may("keep own profile")
def profile():
    return render_template("settings/profile.html")
