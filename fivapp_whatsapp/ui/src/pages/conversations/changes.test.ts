import { QueryClient } from "@tanstack/react-query";
import { expect, it } from "vitest";
import { keys } from "../../api/keys";
import type { Conversation } from "../../api/types";
import { applyFrame } from "../../live/news";
import { conversation, created, message } from "../../testing/make";
import { showAnswer, showChange } from "./changes";

function opened(): QueryClient {
  const client = new QueryClient();
  client.setQueryData(keys.conversation("c1"), conversation());
  return client;
}

const shown = (client: QueryClient) => client.getQueryData<Conversation>(keys.conversation("c1"));

it("a change is made to what is known now, not to what was known when the page was drawn", () => {
  const client = opened();
  applyFrame(client, created(5, message()), "ana");
  showChange(client, "c1", { assigneeId: "ana" }, "ana");
  expect(shown(client)).toMatchObject({ assigneeId: "ana", unreadCount: 1 });
});

it("an answer that a frame overtook takes nothing back", () => {
  const client = opened();
  const before = showChange(client, "c1", { status: "closed" }, "ana");
  const answer = conversation({ status: "closed" });
  applyFrame(client, created(5, message()), "ana");
  showAnswer(client, answer, before, "ana");
  expect(shown(client)?.unreadCount).toBe(1);
});

it("an answer that nothing overtook is shown, what the gateway decided with it", () => {
  const client = opened();
  const before = showChange(client, "c1", { readUpTo: "m9" }, "ana");
  showAnswer(client, conversation({ readUpTo: "m9" }), before, "ana");
  expect(shown(client)?.readUpTo).toBe("m9");
});

it("a conversation that is not known yet is changed without being shown", () => {
  const client = new QueryClient();
  expect(showChange(client, "c1", { assigneeId: "ana" }, "ana")).toBeUndefined();
});
