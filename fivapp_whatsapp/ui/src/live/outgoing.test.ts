import { beforeEach, describe, expect, it } from "vitest";
import { Problem } from "../api/problem";
import { mine } from "../testing/make";
import * as outgoing from "./outgoing";

const local = (key: string, text: string): outgoing.Local => ({
  key,
  conversationId: "c1",
  text,
  quoted: null,
  media: null,
  kind: "text",
  at: "2026-11-26T12:00:00Z",
  state: "sending",
});

beforeEach(outgoing.clear);

describe("one row from first paint to read", () => {
  it("when the frame comes before the answer", () => {
    outgoing.add(local("key-1", "Olá"));
    const stored = mine({ text: "Olá" });
    expect(outgoing.recognize(stored, "ana")).toBe(true);
    expect(outgoing.locals.get()).toEqual([]);
    expect(outgoing.rowKey(stored.id)).toBe("key-1");
    outgoing.link("key-1", stored.id);
    expect(outgoing.rowKey(stored.id)).toBe("key-1");
  });

  it("when the same text is sent twice, each in its row", () => {
    outgoing.add(local("key-1", "ok"));
    outgoing.add(local("key-2", "ok"));
    const [first, second] = [mine({ text: "ok" }), mine({ text: "ok" })];
    outgoing.recognize(first, "ana");
    outgoing.recognize(second, "ana");
    expect([first, second].map((one) => outgoing.rowKey(one.id))).toEqual(["key-1", "key-2"]);
  });

  it("when it is sent again, the new message takes the old one's", () => {
    outgoing.link("key-1", "old");
    outgoing.replaceRow("old", "new");
    expect(outgoing.rowKey("new")).toBe("key-1");
  });
});

it("a colleague's message, or one of another conversation, is not taken for ours", () => {
  outgoing.add(local("key-1", "Olá"));
  expect(outgoing.recognize(mine({ text: "Olá", author: { kind: "agent", id: "rui" } }), "ana")).toBe(false);
  expect(outgoing.recognize(mine({ text: "Olá", conversationId: "c2" }), "ana")).toBe(false);
  expect(outgoing.recognize(mine({ text: "Outra" }), "ana")).toBe(false);
});

it("a failure keeps its reason", () => {
  outgoing.add(local("key-1", "Olá"));
  outgoing.mark("key-1", "failed", new Problem(422, { code: "message_rejected", reason: "too_large", detail: "…" }));
  expect(outgoing.get("key-1")).toMatchObject({ state: "failed", code: "too_large" });
});
