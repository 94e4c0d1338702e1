import { describe, expect, it } from "vitest";
import { message, mine } from "../testing/make";
import { buildRows, firstUnread, type Row } from "./rows";

const build = (messages: ReturnType<typeof message>[], unread: Parameters<typeof buildRows>[0]["unread"] = null) =>
  buildRows({ messages, locals: [], unread });
const kinds = (rows: readonly Row[]) => rows.map((row) => row.type);

it("a day begins with its name", () => {
  const rows = build([message({ at: "2026-11-24T12:00:00Z" }), message({ at: "2026-11-25T12:00:00Z" })]);
  expect(kinds(rows)).toEqual(["day", "message", "day", "message"]);
});

it("a late message of yesterday between two of today gives no two rows one key", () => {
  const rows = build([
    message({ at: "2026-11-25T12:00:00Z" }),
    message({ at: "2026-11-24T12:00:00Z" }),
    message({ at: "2026-11-25T12:01:00Z" }),
  ]);
  expect(kinds(rows)).toEqual(["day", "message", "day", "message", "day", "message"]);
  expect(new Set(rows.map((row) => row.key)).size).toBe(rows.length);
});

it("messages of one author stand together, and a pause or a note parts them", () => {
  const at = (time: string) => ({ at: `2026-11-26T${time}Z` });
  const rows = build([
    message(at("12:00:00")),
    message(at("12:01:00")),
    message(at("12:30:00")),
    mine({ ...at("12:31:00"), kind: "note" }),
    mine(at("12:31:30")),
  ]).filter((row) => row.type === "message");
  expect(rows.map((row) => [row.first, row.last])).toEqual([
    [true, false],
    [false, true],
    [true, true],
    [true, true],
    [true, true],
  ]);
});

it("a reaction stands at its message, the last of each person, and is gone when it was taken back", () => {
  const target = message();
  const react = (text: string, name: string) =>
    message({ kind: "reaction", text, quotedMessageId: target.id, author: { kind: "contact", id: name, name } });
  const rows = build([target, react("👍", "Rita"), react("❤️", "Rita"), react("😂", "Rui"), react("", "Rui")]);
  expect(kinds(rows)).toEqual(["day", "message"]);
  expect(rows[1]).toMatchObject({ reactions: [{ emoji: "❤️", name: "Rita" }] });
});

it("a message that was sent again stands in the old one's row", () => {
  const failed = mine({ status: "failed", idempotencyKey: "k" });
  const again = mine({ status: "failed", retryOf: failed.id });
  const third = mine({ retryOf: again.id });
  expect(
    build([failed])
      .map((row) => row.key)
      .slice(1),
  ).toEqual(["k"]);
  expect(
    build([failed, again, third])
      .map((row) => row.key)
      .slice(1),
  ).toEqual(["k"]);
});

it("what is on its way stands at the end, under its own key", () => {
  const local = {
    key: "k",
    conversationId: "c1",
    text: "x",
    quoted: null,
    media: null,
    kind: "text",
    at: "2026-11-26T12:00:00Z",
    state: "sending",
  } as const;
  const before = message({ at: "2026-11-26T11:00:00Z" });
  const rows = buildRows({ messages: [before], locals: [local], unread: null });
  expect(rows[rows.length - 1]).toMatchObject({ type: "local", key: "k" });
  // Stored, whatever a plugin made of its text, it stands in the same row, and only there.
  const stored = mine({ text: "X!", idempotencyKey: "k", at: local.at });
  const after = buildRows({ messages: [before, stored], locals: [local], unread: null });
  expect(after.map((row) => row.key)).toEqual(rows.map((row) => row.key));
  expect(after[after.length - 1]).toMatchObject({ type: "message", message: stored });
});

it("the same text sent from two tabs has two rows", () => {
  const rows = build([mine({ text: "ok", idempotencyKey: "a" }), mine({ text: "ok", idempotencyKey: "b" })]);
  expect(rows.map((row) => row.key)).toEqual(["day a", "a", "b"]);
});

describe("the line of new messages", () => {
  it("stands before the first of them", () => {
    const messages = [message(), mine(), message(), message()];
    const unread = firstUnread(messages, 2);
    expect(unread).toEqual({ firstId: messages[2]?.id, count: 2 });
    expect(kinds(build(messages, unread))).toEqual(["day", "message", "message", "unread", "message", "message"]);
  });
  it("is not there when all was read", () => {
    expect(firstUnread([message()], 0)).toBeNull();
  });
  it("stands at the beginning when more are unread than were loaded", () => {
    const messages = [mine(), message()];
    expect(firstUnread(messages, 9)).toEqual({ firstId: messages[1]?.id, count: 9 });
  });
});
