import { describe, expect, it } from "vitest";
import { changed, conversation, created, list, message, mine, thread, updated } from "../testing/make";
import { applyToConversation, applyToList, applyToThread, byWait, insert, upsert } from "./apply";
import type { Message } from "../api/types";
import { ALL, belongsTo } from "./belongs";

const always = () => true;
const open = belongsTo(ALL, "ana") ?? always;

describe("a message in a list", () => {
  it("from a customer comes on top, is unread, and makes the customer wait from the first one on", () => {
    const before = list(10, conversation({ id: "a" }), conversation({ id: "b" }));
    const first = message({ conversationId: "b" });
    const second = message({ conversationId: "b" });
    let data = applyToList(before, created(11, first), open).data;
    data = applyToList(data, created(12, second), open).data;
    const [top, below] = data.pages[0]?.items ?? [];
    expect(top).toMatchObject({ id: "b", unreadCount: 2, waitingSince: first.at, lastMessage: { id: second.id } });
    expect(below?.id).toBe("a");
  });

  it("that a conversation was read with is not counted again, however many came meanwhile", () => {
    const [first, second, third, fourth] = [1, 2, 3, 4].map(() => message({ conversationId: "b" })) as [
      Message,
      Message,
      Message,
      Message,
    ];
    const read = conversation({ id: "b", unreadCount: 3, lastMessage: third, activitySeq: 13 });
    let data = list(10, read);
    for (const [index, one] of [first, second, third].entries())
      data = applyToList(data, created(11 + index, one), open).data;
    expect(data.pages[0]?.items[0]).toEqual(read);
    // Of ours, too: who waits by the newest still waits.
    expect(applyToConversation(read, created(12, mine({ conversationId: "b" })))).toEqual(read);
    data = applyToList(data, created(14, fourth), open).data;
    expect(data.pages[0]?.items[0]).toMatchObject({ unreadCount: 4, activitySeq: 14, lastMessage: { id: fourth.id } });
  });

  it("that a frame of its conversation was made with already is not counted again", () => {
    const news = message();
    const now = conversation({ unreadCount: 1, lastMessage: news, activitySeq: 12 });
    let data = applyToList(list(10, conversation()), changed(11, now), open).data;
    data = applyToList(data, created(12, news), open).data;
    expect(data.pages[0]?.items[0]?.unreadCount).toBe(1);
  });

  it("of ours ends the waiting and leaves unread what is unread", () => {
    const before = list(10, conversation({ unreadCount: 2, waitingSince: "2026-11-26T11:00:00Z" }));
    const after = applyToList(before, created(11, mine()), open).data.pages[0]?.items[0];
    expect(after).toMatchObject({ unreadCount: 2 });
    expect(after?.waitingSince).toBeUndefined();
  });

  it("counts once however often its frame comes, and not at all when the list knew it already", () => {
    const frame = created(11, message());
    const once = applyToList(list(10, conversation()), frame, open).data;
    expect(applyToList(once, frame, open).data).toBe(once);
    const newer = list(11, conversation({ unreadCount: 1 }));
    expect(applyToList(newer, frame, open).data).toBe(newer);
  });

  it("of a kind that is only for us moves and counts nothing", () => {
    const before = list(10, conversation({ id: "a" }), conversation({ id: "b" }));
    const after = applyToList(before, created(11, message({ conversationId: "b", kind: "note" })), open).data;
    expect(after.pages[0]?.items.map((one) => one.id)).toEqual(["a", "b"]);
    expect(after.pages[0]?.items[1]?.unreadCount).toBe(0);
  });

  it("of a conversation that the list does not know asks for it", () => {
    const applied = applyToList(list(10, conversation({ id: "a" })), created(11, message()), open);
    expect(applied.missing).toBe("c1");
    expect(applyToList(list(11), created(11, message()), open).missing).toBeNull();
  });
});

describe("a conversation in a list", () => {
  it("that was closed leaves the open ones, and comes to the closed ones", () => {
    const closed = conversation({ status: "closed", lastMessage: message() });
    expect(applyToList(list(10, conversation()), changed(11, closed), open).data.pages[0]?.items).toEqual([]);
    const view = belongsTo({ ...ALL, view: "closed" }, "ana") ?? always;
    expect(applyToList(list(10), changed(11, closed), view).data.pages[0]?.items).toEqual([closed]);
  });

  it("is inserted where its last activity puts it, and behind what is loaded not at all", () => {
    const at = (time: string) => message({ at: `2026-11-26T${time}:00Z` });
    const data = list(
      10,
      conversation({ id: "a", lastMessage: at("12:00") }),
      conversation({ id: "b", lastMessage: at("10:00") }),
    );
    const between = conversation({ id: "x", lastMessage: at("11:00") });
    expect(insert(data, between, always).pages[0]?.items.map((one) => one.id)).toEqual(["a", "x", "b"]);
    const more = { ...data, pages: data.pages.map((page) => ({ ...page, nextCursor: "next" })) };
    expect(insert(more, conversation({ id: "y", lastMessage: at("09:00") }), always)).toBe(more);
  });
});

describe("a list of those to answer", () => {
  const waits = belongsTo({ ...ALL, view: "to_answer" }, "ana") ?? always;
  const since = (id: string, time: string) => conversation({ id, waitingSince: `2026-11-26T${time}:00Z` });
  const ids = (data: ReturnType<typeof list>) => data.pages[0]?.items.map((one) => one.id);

  it("keeps its place for who writes again, and has no place for who was answered", () => {
    const before = list(10, since("a", "09:00"), since("b", "10:00"));
    const again = applyToList(before, created(11, message({ conversationId: "b" })), waits, byWait).data;
    expect(ids(again)).toEqual(["a", "b"]);
    const answered = applyToList(again, created(12, mine({ conversationId: "a" })), waits, byWait).data;
    expect(ids(answered)).toEqual(["b"]);
  });

  it("takes in who waits where the wait puts it, and behind what is loaded not at all", () => {
    const before = list(10, since("a", "09:00"), since("b", "11:00"));
    expect(ids(insert(before, since("x", "10:00"), waits, byWait))).toEqual(["a", "x", "b"]);
    expect(ids(insert(before, since("y", "12:00"), waits, byWait))).toEqual(["a", "b", "y"]);
    const more = { ...before, pages: before.pages.map((page) => ({ ...page, nextCursor: "next" })) };
    const late = conversation({ ...since("y", "12:00"), lastMessage: message() });
    expect(insert(more, late, waits, byWait)).toBe(more);
  });
});

describe("a thread", () => {
  it("gets a new message in front, once", () => {
    const old = message();
    const next = message();
    const frame = created(11, next);
    const after = applyToThread(thread(10, old), frame);
    expect(after.pages[0]?.items).toEqual([next, old]);
    expect(applyToThread(after, frame)).toBe(after);
  });

  it("shows how far a message has come, and an older word takes nothing back", () => {
    const sent = mine({ status: "pending" });
    const read = { ...sent, status: "read" as const };
    let data = applyToThread(thread(10, sent), updated(12, read));
    expect(data.pages[0]?.items[0]?.status).toBe("read");
    data = upsert(data, { ...sent, status: "accepted" }, 99);
    expect(data.pages[0]?.items[0]?.status).toBe("read");
  });

  it("keeps a message that an answer brought when its older frame comes after", () => {
    const accepted = mine({ status: "accepted" });
    const data = upsert(thread(10), accepted, 10.5);
    const after = applyToThread(data, created(11, { ...accepted, status: "pending" }));
    expect(after.pages[0]?.items).toHaveLength(1);
    expect(after.pages[0]?.items[0]?.status).toBe("accepted");
  });
});

it("a frame about another conversation changes nothing", () => {
  const one = conversation({ id: "a" });
  expect(applyToConversation(one, created(11, message({ conversationId: "b" })))).toBe(one);
});
