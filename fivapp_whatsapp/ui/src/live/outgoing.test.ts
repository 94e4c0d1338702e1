import { beforeEach, expect, it } from "vitest";
import { Problem } from "../api/problem";
import * as outgoing from "./outgoing";

const local = (key: string): outgoing.Local => ({
  key,
  conversationId: "c1",
  text: "Olá",
  quoted: null,
  media: null,
  kind: "text",
  at: "2026-11-26T12:00:00Z",
  state: "sending",
});

beforeEach(outgoing.clear);

it("what is on its way keeps its order and goes by its key", () => {
  outgoing.add(local("key-1"));
  outgoing.add(local("key-2"));
  outgoing.remove("key-1");
  outgoing.remove("nobody's");
  expect(outgoing.locals.get().map((one) => one.key)).toEqual(["key-2"]);
});

it("a failure keeps its reason", () => {
  outgoing.add(local("key-1"));
  outgoing.mark("key-1", "failed", new Problem(422, { code: "message_rejected", reason: "too_large", detail: "…" }));
  expect(outgoing.get("key-1")).toMatchObject({ state: "failed", code: "too_large" });
});
