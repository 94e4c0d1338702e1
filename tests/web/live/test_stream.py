"""Server-sent events: the same frames, resumed by their ids."""

from __future__ import annotations

import json
import re

import pytest

from tests.web.live.server import QUICK, Live, until

pytestmark = pytest.mark.anyio


async def test_a_stream_carries_the_same_frames(live: Live) -> None:
    live.store.commit(count=2)
    async with live.stream() as stream:
        headers = stream.response.headers
        assert headers["content-type"].startswith("text/event-stream")
        assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-cache, no-transform", "no")
        hello, ready = await stream.event(), await stream.event()
        assert (hello["event"], json.loads(hello["data"])["data"]) == ("hello", {"epoch": "e1", "seq": 2})
        assert (ready["event"], ready["id"]) == ("live", "e1.2")
        live.store.commit(data={"text": "one\ntwo\r\n"})
        event = await stream.event()
        assert (event["event"], event["id"]) == ("message.created", "e1.3")
        assert json.loads(event["data"])["data"] == {"text": "one\ntwo\r\n"}


async def test_a_stream_resumes_from_its_last_event_id(live: Live) -> None:
    live.store.commit(count=5)
    async with live.stream("?after=0", {"last-event-id": "e1.3"}) as stream:
        events = [await stream.event() for _ in range(4)]
    assert [event.get("id") for event in events] == [None, "e1.4", "e1.5", "e1.5"]


async def test_a_stream_resumes_from_a_cursor_in_its_address(live: Live) -> None:
    live.store.commit(count=5)
    async with live.stream("?after=4&epoch=e1") as stream:
        assert [(await stream.event())["event"] for _ in range(3)] == ["hello", "message.created", "live"]


@pytest.mark.parametrize("event_id", ["old.3", "e1", "3", "e1.", "e1.x", "e1.-1", "junk"])
async def test_an_event_id_of_another_log_is_answered_with_a_resync(live: Live, event_id: str) -> None:
    live.store.commit(count=5)
    async with live.stream("", {"last-event-id": event_id}) as stream:
        await stream.event()
        resync, ready = await stream.event(), await stream.event()
    assert json.loads(resync["data"])["data"]["reason"] == "epoch"
    assert ("id" in resync, ready["id"]) == (False, "e1.5")


async def test_a_quiet_stream_beats(live: Live) -> None:
    async with live.stream() as stream:
        await stream.event()
        await stream.event()
        assert await stream.block() == {"": ""}


async def test_a_stream_ends_with_its_token(live: Live) -> None:
    async with live.stream("", live.bearer(seconds=0.5)) as stream:
        await stream.event()
        assert await stream.ended()


async def test_a_stream_that_is_left_is_forgotten(live: Live) -> None:
    async with live.stream() as stream:
        await stream.event()
        assert live.gauges.values["sockets"] == 1
    await until(lambda: live.gauges.values["sockets"] == 0)


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"authorization": "Bearer x"}, 401), ({"origin": "https://evil.example"}, 403), ({"origin": "null"}, 403)],
)
async def test_a_stream_needs_a_login_and_a_page_of_ours(live: Live, headers: dict[str, str], status: int) -> None:
    async with live.stream("", headers) as stream:
        assert stream.response.status_code == status
        await stream.response.aread()
        assert stream.response.json()["status"] == status


@pytest.mark.parametrize("query", ["?after=-1", "?after=x", "?epoch=" + "e" * 65])
async def test_a_stream_with_a_wrong_parameter_is_refused(live: Live, query: str) -> None:
    async with live.stream(query) as stream:
        assert stream.response.status_code == 400


def test_the_stream_and_the_tickets_are_in_the_openapi_document() -> None:
    live = Live(QUICK)
    live.listener.close()
    paths = live.app.openapi_schema.to_schema()["paths"]
    assert "text/event-stream" in paths["/api/events"]["get"]["responses"]["200"]["content"]
    names = {parameter["name"] for parameter in paths["/api/events"]["get"]["parameters"]}
    assert names == {"after", "epoch", "Last-Event-ID"}
    assert re.search("IssuedTicket", json.dumps(paths["/api/ws-tickets"]))
