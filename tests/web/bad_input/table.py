"""What each route takes, as a table: from it the tests make everything that the route must refuse.

A row says who may come, which objects the path names, and every field, parameter and header that is read. The
test holds the table against the application: a route, a field or a parameter without its words here fails.
"""

from __future__ import annotations

from fivapp_whatsapp.web.cursors import encode_cursor
from fivapp_whatsapp.web.pages import PATHS, WORKER

from .words import (
    CANARY,
    OTHER_PHONE,
    Also,
    Choice,
    Flag,
    Free,
    Moment,
    Needs,
    Number,
    Parameter,
    Parts,
    Row,
    Text,
    Texts,
    Things,
)

_LIMIT = Parameter(("0", "-1", "201", str(10**30), "9" * 4000, "abc", "", "0x10", "1.5", "%00", "%D9%A3", CANARY))
_NO_CURSORS = ("", "1", "abc", "MS4x%3D", "x" * 65, "%00", "%FF", "..%2F", "%27%20OR%201", str(10**30), CANARY)


def _page(items: str) -> dict[str, Parameter]:
    others = {"sessions", "conversations", "messages", "found"} - {items}
    return {
        "limit": _LIMIT,
        "cursor": Parameter((*_NO_CURSORS, *(encode_cursor(other, 7) for other in sorted(others))), "invalid_cursor"),
    }


_NAME = Text(good="A name", most=100)
_SESSION = "/api/sessions/{session_id:str}"
_CONVERSATION = "/api/conversations/{conversation_id:str}"
_MESSAGE = "/api/messages/{message_id:str}"
_PLUGIN = "/api/plugins/{plugin:str}"
_FAILURE = "/api/plugins/failures/{failure_id:str}"
_MEDIA = {
    "url": Text(good="https://files.example.com/7.pdf", most=2048, required=True, null=False),
    "mimeType": Text(good="application/pdf", most=100),
    "filename": Text(good="7.pdf", most=255),
}
_FILE = {"url": "https://files.example.com/7.pdf"}

# They are files, the same for everybody: tests/web/test_pages.py asks what they refuse.
PAGES = {("GET", path) for path in (*PATHS, "/assets/{name:str}", WORKER)}

ROWS = (
    Row(
        method="POST",
        path="/api/whatsapp/connect",
        needs=Needs.ADMIN,
        body={"tenantId": Text(good="{session}", most=128, names="session"), "name": _NAME},
        body_optional=True,
    ),
    Row(method="GET", path="/api/whatsapp/status/{tenant_id:str}"),
    Row(method="DELETE", path="/api/whatsapp/disconnect/{tenant_id:str}", needs=Needs.ADMIN),
    Row(method="GET", path="/api/sessions", query=_page("sessions")),
    Row(
        method="POST",
        path="/api/sessions",
        needs=Needs.ADMIN,
        body={"label": Text(good="sales", most=32), "name": _NAME},
        body_optional=True,
        also=(
            *(
                Also(f"label {label!r}", 400, "invalid_body", {"label": label})
                for label in ("A", "a.b", "é", "a\n", "..")
            ),
            Also("a session that is there", 409, "already_exists", {}),
        ),
    ),
    Row(method="GET", path=_SESSION),
    Row(
        method="PATCH",
        path=_SESSION,
        needs=Needs.ADMIN,
        body={"name": Text(good="A name", most=100, required=True, null=False)},
    ),
    Row(method="DELETE", path=_SESSION, needs=Needs.ADMIN),
    Row(
        method="POST",
        path=f"{_SESSION}/pairing-code",
        needs=Needs.ADMIN,
        body={"phone": Text(good="+55 11 98888-7777", most=128, required=True, null=False)},
        also=tuple(
            Also(f"phone {phone!r}", 400, "invalid_address", {"phone": phone})
            for phone in ("1", "1" * 21, CANARY, "a@b", "\x7f")
        ),
    ),
    Row(
        method="GET",
        path="/api/conversations",
        query={
            **_page("conversations"),
            "q": Parameter(("x" * 201,)),
            "searchIn": Parameter(("", "nope", "NAMES", CANARY)),
            "filter": Parameter(("", "nope", "MINE", "mine,bots", "%00", CANARY)),
            "label": Parameter(("", "x" * 65)),
            "sessionId": Parameter(
                ("", "..", "a%20b", "acme%0A", "%00", "%C3%A9", "x" * 300), "session_not_found", 404, "session"
            ),
        },
        also=(Also("a label is not named", 400, "invalid_input", query="filter=label"),),
    ),
    Row(
        method="POST",
        path="/api/conversations",
        body={
            "to": Text(good=OTHER_PHONE, most=128, required=True, null=False),
            "sessionId": Text(good="{session}", most=128, names="session"),
            "title": Text(good="A title", most=100),
        },
        also=tuple(
            Also(f"to {to!r}", 400, "invalid_address", {"to": to})
            for to in (
                "1",
                "@c.us",
                "x" * 128,
                "a b@g.us",
                f"{CANARY}@",
                "1@../x",
                "1@g.us\n1",
                "\ufffd",
                "status@broadcast",
                "0" * 9,
            )
        ),
    ),
    Row(method="GET", path=_CONVERSATION),
    Row(
        method="PATCH",
        path=_CONVERSATION,
        body={
            "answeredBy": Choice(good="human", null=False),
            "readUpTo": Text(good="{message}", most=128, names="message"),
            "status": Choice(good="snoozed", null=False),
            "snoozedUntil": Moment(good="{soon}"),
            "assigneeId": Text(good="ana", most=128),
            "labels": Texts(good=["order"], most=50, each=64, null=False),
            "groupBots": Choice(good="always"),
        },
        also=(
            Also("snoozed without an end", 400, "invalid_input", {"status": "snoozed"}),
            Also("snoozed into the past", 400, "invalid_input", {"status": "snoozed", "snoozedUntil": "{past}"}),
            Also(
                "snoozed for ages", 400, "invalid_input", {"status": "snoozed", "snoozedUntil": "9999-12-31T23:59:59Z"}
            ),
            Also("a year nobody has", 400, "invalid_body", {"snoozedUntil": "99999-01-01T00:00:00Z"}),
        ),
    ),
    Row(method="GET", path=f"{_CONVERSATION}/messages", query=_page("messages")),
    Row(
        method="POST",
        path=f"{_CONVERSATION}/notes",
        body={"text": Text(good="A note", most=4096, required=True, null=False)},
        headers={
            "idempotency-key": Parameter(("", " ", "x" * 256, "a b", "é", "a\x7f"), "invalid_idempotency_key"),
        },
        also=(Also("nothing to see", 400, "invalid_input", {"text": " \n\t "}),),
    ),
    Row(method="POST", path=f"{_CONVERSATION}/typing", body={"on": Flag(good=True, null=False)}),
    Row(
        method="POST",
        path=f"{_CONVERSATION}/send-message",
        body={
            "text": Text(good="Hello", most=4096, least=0),
            "to": Text(good="{phone}", most=128),
            "kind": Choice(good="document"),
            "media": Parts(fields=_MEDIA),
            "quotedMessageId": Text(good="{message}", most=128, names="message"),
        },
        headers={
            "idempotency-key": Parameter(("", " ", "x" * 256, "a b", "é", "a\x7f"), "invalid_idempotency_key"),
        },
        also=(
            Also("nothing to send", 400, "invalid_input", {}),
            Also("a blank text", 400, "invalid_input", {"text": " \n "}),
            Also("a file without a file", 400, "invalid_input", {"text": "x", "kind": "image"}),
            Also("a text with a file", 400, "invalid_input", {"text": "x", "kind": "text", "media": _FILE}),
            Also("to somebody else", 422, "to_mismatch", {"text": "x", "to": OTHER_PHONE}),
            Also("to nobody", 422, "to_mismatch", {"text": "x", "to": CANARY}),
            *(
                Also(f"url {url!r}", 400, "invalid_body", {"text": "x", "media": {"url": url}})
                for url in (
                    "ftp://a/b",
                    "file:///etc/passwd",
                    "https://",
                    f"javascript:{CANARY}",
                    "https://a b",
                    "//a/b",
                )
            ),
            Also("a type of no shape", 400, "invalid_body", {"media": {**_FILE, "mimeType": f"{CANARY}\r\n"}}),
        ),
    ),
    Row(method="GET", path="/api/messages", query={**_page("found"), "q": Parameter(("x" * 201,))}),
    Row(
        method="POST",
        path=f"{_MESSAGE}/retry",
        own="failed_message",
        also=(Also("what came in", 409, "conflict", id="message"),),
    ),
    Row(
        method="POST",
        path=f"{_MESSAGE}/resolve",
        own="unknown_message",
        body={"as": Choice(good="sent", required=True, null=False)},
        also=(
            Also("what came in", 409, "conflict", {"as": "sent"}, id="message"),
            Also("what has failed", 409, "conflict", {"as": "cancelled"}, id="failed_message"),
        ),
    ),
    Row(method="GET", path=f"{_MESSAGE}/timeline"),
    Row(
        method="POST",
        path="/api/auth/login",
        needs=Needs.NOBODY,
        body={
            "tenantId": Text(good="acme", most=64, least=0),
            "login": Text(good="ana", most=128, required=True, null=False),
            "password": Text(good="{password}", most=256, required=True, null=False),
        },
        also=(
            Also("no tenant", 400, "tenant_required", {"login": "ana", "password": CANARY}),
            Also("wrong password", 401, "not_authenticated", {"tenantId": "acme", "login": "ana", "password": CANARY}),
            Also("unknown login", 401, "not_authenticated", {"tenantId": "acme", "login": CANARY, "password": "x"}),
            *(
                Also(
                    f"tenant {tenant!r}",
                    401,
                    "not_authenticated",
                    {"tenantId": tenant, "login": "ana", "password": "{password}"},
                )
                for tenant in ("other", "nobody", "", "acme\n", "%", CANARY)
            ),
            Also(
                "a suspended tenant",
                403,
                "tenant_suspended",
                {"tenantId": "asleep", "login": "ana", "password": "{password}"},
            ),
        ),
    ),
    Row(method="POST", path="/api/auth/logout"),
    Row(method="GET", path="/api/me"),
    Row(method="GET", path="/api/plugins", needs=Needs.ADMIN),
    Row(method="GET", path=_PLUGIN, needs=Needs.ADMIN),
    Row(
        method="PUT",
        path=_PLUGIN,
        needs=Needs.ADMIN,
        body={"enabled": Flag(good=False, null=False), "config": Free(good={"greeting": "Hi"})},
        also=(
            Also("an unknown setting", 400, "unknown_field", {"config": {CANARY: 1}}),
            Also("a setting of another type", 400, "invalid_config", {"config": {"greeting": 5}}),
            Also("a setting out of its range", 400, "invalid_config", {"config": {"greeting": "x" * 101}}),
        ),
    ),
    Row(method="POST", path=f"{_PLUGIN}/resume", needs=Needs.ADMIN),
    Row(
        method="GET",
        path="/api/plugins/failures",
        needs=Needs.ADMIN,
        query={
            "limit": _LIMIT,
            "cursor": Parameter((*_NO_CURSORS, encode_cursor("messages", 7)), "invalid_cursor"),
            "plugin": Parameter(("x" * 33,)),
            "state": Parameter(("", "nope", "DEAD", CANARY)),
        },
    ),
    Row(method="POST", path=f"{_FAILURE}/replay", needs=Needs.ADMIN),
    Row(method="DELETE", path=_FAILURE, needs=Needs.ADMIN),
    Row(method="GET", path="/api/automations", needs=Needs.ADMIN),
    Row(
        method="PUT",
        path="/api/automations",
        needs=Needs.ADMIN,
        body={
            "enabled": Flag(good=True, null=False),
            "groupBots": Choice(good="mentioned", null=False),
            "pauseMinutes": Number(good=15, least=1, most=10_080, null=False),
            "order": Texts(good=["echo"], most=200, each=32, null=False),
        },
        also=(
            Also("an unknown plugin", 404, "plugin_not_found", {"order": ["nobody"]}),
            Also("a plugin twice", 400, "invalid_input", {"order": ["echo", "echo"]}),
            Also("a name that can be none", 400, "invalid_body", {"order": ["A B"]}),
        ),
    ),
    Row(
        method="POST",
        path="/api/automations/try",
        needs=Needs.ADMIN,
        body={
            "text": Text(good="Hi", most=4096, required=True, null=False),
            "conversationId": Text(good="{conversation}", most=128, names="conversation"),
            "plugin": Text(good="echo", most=32),
            "memory": Free(good={}),
        },
        also=(
            Also("an unknown plugin", 404, "plugin_not_found", {"text": "x", "plugin": "nobody"}),
            *(
                Also(f"plugin {name!r}", 400, "invalid_body", {"text": "x", "plugin": name})
                for name in ("A", "a b", "a\n", "é", "..")
            ),
        ),
    ),
    Row(method="GET", path="/api/accounts"),
    Row(method="GET", path="/api/labels"),
    Row(method="GET", path="/api/quick-replies"),
    Row(
        method="PUT",
        path="/api/quick-replies",
        body={"items": Things(good=[{"shortcut": "hours", "text": "From 8 to 6."}], required=True, null=False)},
        also=(
            *(
                Also(f"shortcut {shortcut!r}", 400, "invalid_body", {"items": [{"shortcut": shortcut, "text": "x"}]})
                for shortcut in ("", "A", "a b", "a\n", "é", "x" * 33)
            ),
            Also("no text", 400, "invalid_body", {"items": [{"shortcut": "a", "text": ""}]}),
            Also("one shortcut twice", 400, "invalid_input", {"items": [{"shortcut": "a", "text": "x"}] * 2}),
            Also("too many", 400, "invalid_body", {"items": [{"shortcut": "a", "text": "x"}] * 501}),
        ),
    ),
    Row(method="GET", path="/", needs=Needs.NOBODY),
    Row(method="GET", path="/health/live", needs=Needs.NOBODY),
    Row(method="GET", path="/health/ready", needs=Needs.NOBODY),
    Row(method="GET", path="/metrics", needs=Needs.ADMIN),
    Row(
        method="SOCKET",
        path="/api/ws",
        needs=Needs.SOCKET,
        query={
            "after": Parameter(("abc", "-1", "", "1.5", "%00", "%D9%A3", str(10**30), CANARY)),
            "epoch": Parameter(("x" * 65,)),
        },
    ),
    Row(
        method="GET",
        path="/api/events",
        query={
            "after": Parameter(("abc", "-1", "", "1.5", "%00", "%D9%A3", str(10**30), CANARY)),
            "epoch": Parameter(("x" * 65,)),
        },
        headers={"last-event-id": Parameter(("x" * 101,))},
    ),
    Row(method="POST", path="/api/ws-tickets"),
    Row(method="ASGI", path="/api/webhooks/whatsapp", needs=Needs.KEY),
    Row(method="ASGI", path="/api/webhooks", at="/api/webhooks/whatsapp/{key}", needs=Needs.KEY),
    Row(method="ASGI", path="/api/webhooks", at="/api/webhooks/{connector}/{session_id:str}", needs=Needs.KEY),
    *(Row(method="ASGI", path=f"/api/{name}", always="plugin_not_installed") for name in ("media", "groups", "push")),
    Row(method="GET", path="/schema"),
    Row(method="GET", path="/schema/openapi.json"),
    Row(method="GET", path="/schema/{path:str}", always="route_not_found"),
)
