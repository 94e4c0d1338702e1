import { InfiniteQueryObserver, QueryClient } from "@tanstack/react-query";
import { afterEach, expect, it, vi } from "vitest";
import { keys } from "../api/keys";
import type { Message } from "../api/types";
import { changed, conversation, created, list, message, thread } from "../testing/make";
import { ALL } from "./belongs";
import type { EventFrame } from "./frames";
import { applyFrame, catchUpList, readConversation, readCurrent, recent } from "./news";

afterEach(() => vi.unstubAllGlobals());

const many = (count: number) => Array.from({ length: count }, () => message());

it("forgets a long thread that nobody looks at, and keeps the one that somebody does", () => {
  const client = new QueryClient();
  const watched = keys.thread("c1");
  client.setQueryData(watched, thread(10, ...many(500)));
  client.setQueryData(keys.thread("c2"), thread(10, ...many(500)));
  client.setQueryData(keys.thread("c3"), thread(10, ...many(50)));
  const observer = new InfiniteQueryObserver(client, {
    queryKey: watched,
    queryFn: () => Promise.reject(new Error("asked")),
    initialPageParam: null,
    getNextPageParam: () => null,
    staleTime: Infinity,
  });
  const stop = observer.subscribe(() => undefined);
  for (const [seq, id] of ["c1", "c2", "c3"].entries()) {
    applyFrame(client, created(11 + seq, message({ conversationId: id })), "ana");
  }
  const lengths = ["c1", "c2", "c3"].map(
    (id) => client.getQueryData<ReturnType<typeof thread>>(keys.thread(id))?.pages[0]?.items.length,
  );
  expect(lengths).toEqual([501, undefined, 51]);
  stop();
});

it("reads a page again that is older than all frames that are known", async () => {
  recent.begin(100);
  const read = vi.fn().mockResolvedValueOnce({ seq: 98 }).mockResolvedValue({ seq: 101 });
  expect(await readCurrent<{ seq: number }>(read)).toEqual({ seq: 101 });
  expect(read).toHaveBeenCalledTimes(2);
});

it("tells of a conversation that wrote while the list was on its way", () => {
  recent.begin(10);
  recent.add(created(12, message({ conversationId: "new" })));
  const missing: string[] = [];
  const page = list(11, conversation()).pages[0];
  if (page === undefined) throw new Error("a list has a page");
  catchUpList(page, ALL, "ana", (id) => missing.push(id));
  expect(missing).toEqual(["new"]);
});

it("a number that was taken off the list leaves it, in every tab and whatever was told of it just before", () => {
  const client = new QueryClient();
  const told = (seq: number, data: object) =>
    ({ seq, type: "session.updated", at: "2026-11-26T12:00:00Z", data }) as Parameters<typeof applyFrame>[1];
  client.setQueryData(keys.sessions, [{ id: "acme" }]);
  applyFrame(client, told(1, { id: "acme.filial", name: "Filial", status: "disconnected" }), "ana");
  expect(client.getQueryData(keys.sessions)).toHaveLength(2);
  applyFrame(client, told(2, { id: "acme.filial", deleted: true }), "ana");
  expect(client.getQueryData(keys.sessions)).toEqual([{ id: "acme" }]);
});

/** Answers what is asked with a conversation, while whose answer is on its way frames come. */
function answerWith(answer: object, ...meanwhile: EventFrame[]): void {
  vi.stubGlobal("location", { origin: "http://localhost" });
  vi.stubGlobal("fetch", () => {
    for (const frame of meanwhile) recent.add(frame);
    return Promise.resolve(Response.json(answer));
  });
}

it("brings a conversation up to what came while it was on its way, and counts nothing twice", async () => {
  recent.begin(10);
  const news = [11, 12, 13, 14].map((seq) => created(seq, message()));
  const [, second, , fourth] = news.map((frame) => frame.data as Message);
  // The first two are counted in it, the others came after it was read.
  answerWith(conversation({ unreadCount: 2, activitySeq: 12, lastMessage: second }), ...news);
  const found = await readConversation("c1");
  expect(found).toMatchObject({ unreadCount: 4, activitySeq: 14, lastMessage: { id: fourth?.id } });
  // What came before it was asked for is no news, even where it says something else.
  recent.add(changed(15, conversation({ title: "Before" })));
  answerWith(conversation({ title: "After", activitySeq: 14 }));
  expect((await readConversation("c1")).title).toBe("After");
});

it("three messages of a conversation that is not listed yet are three unread ones", async () => {
  recent.begin(20);
  const client = new QueryClient();
  const key = keys.list(ALL);
  client.setQueryData(key, list(20));
  const news = [21, 22, 23].map((seq) => created(seq, message()));
  answerWith(conversation({ unreadCount: 2, activitySeq: 22, lastMessage: news[1]?.data as Message }));
  for (const frame of news) applyFrame(client, frame, "ana");
  await vi.waitFor(() =>
    expect(client.getQueryData<ReturnType<typeof list>>(key)?.pages[0]?.items[0]).toMatchObject({ unreadCount: 3 }),
  );
  expect(client.getQueryData(keys.conversation("c1"))).toMatchObject({ unreadCount: 3 });
});
