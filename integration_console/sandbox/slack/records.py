"""What a firm's Slack workspace holds: channels, the people of the firm, and what they write to each other."""

from ..firm import email_of
from ..names import STAFF

TEAM_ID = "T0SBXFIRM"
APP_ID = "A0SBXCONSOLE"
BOT_ID = "B0SBXCONSOLE"
BOT_USER = 1  # the console's own user, before those of the firm

# Name, topic, the app is in it, private, archived.
CHANNELS = (
    ("general", "The whole firm", True, False, False),
    ("intake", "New leads, who calls them back", True, False, False),
    ("matters", "News on matters, one thread each", True, False, False),
    ("court-dates", "Hearings and deadlines of the week", True, False, False),
    ("billing", "Bills, trust transfers, write-offs", True, False, False),
    ("integrations", "The console tells here what needs attention", True, False, False),
    ("family-law", "", True, False, False),
    ("personal-injury", "", False, False, False),
    ("estate-planning", "", False, False, False),
    ("it-help", "Ask here before you call", False, False, False),
    ("random", "Cats and coffee", False, False, False),
    ("partners", "Partners only", True, True, False),
    ("old-office-move", "The move of 2024", True, False, True),
    ("summer-party-2024", "", False, False, True),
)
LEFT = (("Harold", "Finch", "Attorney"), ("Nina", "Sorel", "NonAttorney"))
SAID = (
    "{} called, wants a call back before five.",
    "Engagement letter for {} is signed and filed.",
    "Hearing in {} moved to Thursday 9:30, dept. 14.",
    "Who has the retainer agreement of {}?",
    "Filed the answer in {}. Proof of service is in Clio.",
    "{}: opposing counsel asks for two more weeks. Fine with us?",
    "Trust transfer for {} is ready to approve :white_check_mark:",
    "Conflict check on {} came back clean.",
    "<@{user}> can you take the deposition in {}?",
    "Intake form of {} is incomplete, no date of birth.",
    "Wrote 1.5 h on {} for Monday, please don't bill twice.",
    "Reminder: statute for {} runs this year & we still wait for records <https://example.com/records|here>",
)
ANSWERS = ("On it.", "Done.", "Can we do this tomorrow?", "Thanks! 🙏", "See the note in Clio.", "Not mine, ask Ruth.")
TURN = 9  # of so many messages one begins a thread, and the next two answer it
BEGINS, ANSWER = 4, (5, 6)


class SlackRecords:
    def __init__(self, firm) -> None:
        self.firm = firm
        self.people = (("", "", ""), *STAFF, *LEFT)
        self.counts = {"channels": len(CHANNELS), "users": len(self.people), "messages": firm.count(1_200, 30_000)}

    def channel(self, number: int) -> dict:
        name, topic, is_member, is_private, is_archived = CHANNELS[number - 1]
        creator = id_of("users", 2)
        made_at = int(self.firm.opened_s) + number * 86_400
        return {
            "id": id_of("channels", number),
            "name": name,
            "name_normalized": name,
            "is_channel": not is_private,
            "is_group": is_private,
            "is_im": False,
            "is_mpim": False,
            "is_private": is_private,
            "is_archived": is_archived,
            "is_general": name == "general",
            "is_member": is_member,
            "is_shared": False,
            "is_org_shared": False,
            "is_ext_shared": False,
            "is_pending_ext_shared": False,
            "pending_shared": [],
            "previous_names": ["new-clients"] if name == "intake" else [],
            "created": made_at,
            "creator": creator,
            "unlinked": 0,
            "num_members": 3 if is_private else 12 - number % 5,
            "topic": {"value": topic, "creator": creator if topic else "", "last_set": made_at if topic else 0},
            "purpose": {"value": "", "creator": "", "last_set": 0},
        }

    def user(self, number: int) -> dict:
        first, last, _ = self.people[number - 1]
        if not first:
            return self._shown(number, "console", "Integration Console", is_bot=True, bot_id=BOT_ID)
        handle = email_of(first, last).partition("@")[0]
        title = "Attorney" if self.people[number - 1][2] == "Attorney" else "Paralegal"
        gone = number > len(STAFF) + 1
        shown = self._shown(number, handle, f"{first} {last}", title=title, email=email_of(first, last))
        return {**shown, "deleted": True} if gone else shown

    def _shown(self, number: int, handle: str, name: str, *, is_bot: bool = False, **profile) -> dict:
        zone = "America/Los_Angeles"
        kept = {
            "real_name": name,
            "real_name_normalized": name,
            "display_name": handle if number % 3 else "",
            "display_name_normalized": handle if number % 3 else "",
            "avatar_hash": f"g{number:011x}",
            "title": "",
            "phone": "",
            "skype": "",
            "status_text": "In court" if number == 4 else "",
            "status_emoji": ":scales:" if number == 4 else "",
            "fields": None,
            "team": TEAM_ID,
            **profile,
        }
        return {
            "id": id_of("users", number),
            "team_id": TEAM_ID,
            "name": handle,
            "real_name": name,
            "deleted": False,
            "color": f"{number * 7919 % 0xFFFFFF:06x}",
            "tz": zone,
            "tz_label": "Pacific Standard Time",
            "tz_offset": -28_800,
            "profile": kept,
            "is_admin": number == 2,
            "is_owner": number == 2,
            "is_primary_owner": number == 2,
            "is_restricted": False,
            "is_ultra_restricted": False,
            "is_bot": is_bot,
            "is_app_user": False,
            "updated": int(self.firm.opened_s) + number * 3_600,
        }

    def channel_of(self, message: int) -> int:
        return (message // TURN) % len(CHANNELS) + 1

    def message(self, number: int) -> dict:
        """A message with the channel it is in, which is not told."""
        turn, author = number % TURN, id_of("users", 2 + self.firm.dice("slack author", number) % len(STAFF))
        said = {
            "type": "message",
            "user": author,
            "team": TEAM_ID,
            "ts": self.ts(number),
            "channel": id_of("channels", self.channel_of(number)),
        }
        parent = number - turn + BEGINS
        if turn in ANSWER and parent > 0:
            text = self.firm.pick(ANSWERS, "slack answer", number)
            return {**said, "text": text, "thread_ts": self.ts(parent), "parent_user_id": self._author(parent)}
        return {**said, "text": self._text(number)}

    def ts(self, number: int) -> str:
        """When it was said: unique, also where many were said in one second."""
        return f"{int(self.firm.made_at(number, self.counts['messages']))}.{number % 1_000_000:06d}"

    def _author(self, number: int) -> str:
        return id_of("users", 2 + self.firm.dice("slack author", number) % len(STAFF))

    def _text(self, number: int) -> str:
        words = self.firm.pick(SAID, "slack text", number)
        about = (self.firm.party(self.firm.dice("slack about", number) % 700 + 1).name.split() or ["?"])[-1][:60]
        plain = about.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return words.format(plain, user=id_of("users", 2 + number % len(STAFF)))


def id_of(resource: str, number: int) -> str:
    letter = {"channels": "C", "users": "U"}[resource]
    return f"{letter}0SBX{number:06d}"


def number_of(resource: str, name: str) -> int:
    """The number in an id; 0, which nothing has, for any other."""
    letter, digits = ("C0SBX" if resource == "channels" else "U0SBX"), str(name)[5:]
    return int(digits) if str(name).startswith(letter) and digits.isdecimal() else 0
