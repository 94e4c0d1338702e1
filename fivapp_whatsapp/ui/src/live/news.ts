/** The frames of this tab, and what they do to the query cache. */
import type { QueryClient, QueryKey } from "@tanstack/react-query";
import { api, ask } from "../api/client";
import { keys } from "../api/keys";
import type { Conversation, ConversationPage, Message, MessagePage, Session } from "../api/types";
import {
  applyToConversation,
  applyToList,
  applyToThread,
  insert,
  lengthOf,
  LONG,
  upsert,
  type ListData,
  type ThreadData,
} from "./apply";
import { belongsTo, orderOf, type Filter } from "./belongs";
import type { EventFrame, Gone } from "./frames";
import { Recent } from "./recent";

export const recent = new Recent();

const TRIES = 3;

/** Reads a page; again when it is older than all frames that are known, so that nothing is lost between the two. */
export async function readCurrent<Page extends { seq: number }>(read: () => Promise<Page>): Promise<Page> {
  let page = await read();
  for (let tries = 1; tries < TRIES && recent.after(page.seq) === null; tries += 1) page = await read();
  return page;
}

/**
 * Brings a page of a list up to the frames that came while it was on its way; `onMissing` is told of conversations that
 * these are about and the page does not hold.
 */
export function catchUpList(
  page: ConversationPage,
  filter: Filter,
  userId: string,
  onMissing: (conversationId: string) => void = () => undefined,
): ConversationPage {
  const belongs = belongsTo(filter, userId) ?? (() => true);
  let data: ListData = { pages: [page], pageParams: [null] };
  for (const frame of recent.after(page.seq) ?? []) {
    const applied = applyToList(data, frame, belongs, orderOf(filter));
    data = applied.data;
    if (applied.missing !== null) onMissing(applied.missing);
  }
  return data.pages[0] ?? page;
}

export function catchUpThread(page: MessagePage, conversationId: string): MessagePage {
  let data: ThreadData = { pages: [page], pageParams: [null] };
  for (const frame of recent.after(page.seq) ?? [])
    if (frame.conversationId === conversationId) data = applyToThread(data, frame);
  return data.pages[0] ?? page;
}

/** Puts a frame into everything that is cached. */
export function applyFrame(client: QueryClient, frame: EventFrame, userId: string): void {
  recent.add(frame);
  if (frame.type === "session.updated") {
    applyToSessions(client, frame.data);
    return;
  }
  const id = frame.conversationId;
  if (id === undefined) return;
  applyToLists(client, frame, userId);
  if (!forgetLong(client, keys.thread(id)))
    client.setQueryData<ThreadData>(keys.thread(id), (data) => data && applyToThread(data, frame));
  client.setQueryData<Conversation>(keys.conversation(id), (found) => found && applyToConversation(found, frame));
}

function applyToSessions(client: QueryClient, session: Session | Gone): void {
  client.setQueryData<Session[]>(keys.sessions, (all) => {
    if (all === undefined) return all;
    if ("deleted" in session) return all.filter((one) => one.id !== session.id);
    const known = all.some((one) => one.id === session.id);
    return known ? all.map((one) => (one.id === session.id ? { ...one, ...session } : one)) : [session, ...all];
  });
  // What is gone cannot be read any more.
  if ("deleted" in session) client.removeQueries({ queryKey: keys.session(session.id) });
  else void client.invalidateQueries({ queryKey: keys.session(session.id) });
}

function applyToLists(client: QueryClient, frame: EventFrame, userId: string): void {
  for (const query of client.getQueryCache().findAll({ queryKey: keys.lists })) {
    const data = query.state.data as ListData | undefined;
    if (data === undefined || forgetLong(client, query.queryKey)) continue;
    const filter = query.queryKey[1] as Filter;
    const applied = applyToList(data, frame, belongsTo(filter, userId) ?? (() => true), orderOf(filter));
    client.setQueryData(query.queryKey, applied.data);
    if (applied.missing !== null && filter.query === "") readMissing(client, applied.missing, userId);
  }
}

/** Forgets a list that nobody looks at and that has grown long; it is read anew when it is wanted. */
function forgetLong(client: QueryClient, queryKey: QueryKey): boolean {
  const query = client.getQueryCache().find({ queryKey, exact: true });
  if (query === undefined || query.isActive()) return false;
  const data = query.state.data as ListData | ThreadData | undefined;
  if (data === undefined || lengthOf(data) <= LONG) return false;
  client.removeQueries({ queryKey, exact: true });
  return true;
}

/** Reads a conversation, and brings it up to the frames that came while it was on its way. */
export async function readConversation(id: string): Promise<Conversation> {
  for (let tries = 1; ; tries += 1) {
    const before = recent.head;
    const params = { path: { conversationId: id } };
    const found = await ask(api.GET("/api/conversations/{conversationId}", { params }));
    const missed = recent.after(before);
    // More came than are known still: a moment later it is true, or their number tells that it never is for long.
    if (missed !== null || tries === TRIES) return (missed ?? []).reduce(applyToConversation, found);
  }
}

const reading = new Set<string>();

/** Reads a conversation that lists should show but do not know, once for all of them. */
export function readMissing(client: QueryClient, id: string, userId: string): void {
  if (reading.has(id)) return;
  reading.add(id);
  void readConversation(id)
    .then((conversation) => insertEverywhere(client, conversation, userId))
    .catch(() => client.invalidateQueries({ queryKey: keys.lists }))
    .finally(() => reading.delete(id));
}

/** Puts a conversation into every list that it belongs to. */
export function insertEverywhere(client: QueryClient, conversation: Conversation, userId: string): void {
  for (const query of client.getQueryCache().findAll({ queryKey: keys.lists })) {
    const filter = query.queryKey[1] as Filter;
    const belongs = belongsTo(filter, userId);
    if (belongs === null) continue;
    client.setQueryData<ListData>(
      query.queryKey,
      (data) => data && insert(data, conversation, belongs, orderOf(filter)),
    );
  }
  client.setQueryData(keys.conversation(conversation.id), conversation);
}

/** Shows a conversation as it is after it was changed here, before its frame comes. */
export function showConversation(client: QueryClient, conversation: Conversation, userId: string): void {
  client.setQueryData(keys.conversation(conversation.id), conversation);
  for (const query of client.getQueryCache().findAll({ queryKey: keys.lists })) {
    const data = query.state.data as ListData | undefined;
    if (data === undefined) continue;
    const filter = query.queryKey[1] as Filter;
    const belongs = belongsTo(filter, userId) ?? (() => true);
    const pages = data.pages.map((page) => ({
      ...page,
      items: page.items.flatMap((one) =>
        one.id !== conversation.id ? [one] : belongs(conversation) ? [conversation] : [],
      ),
    }));
    client.setQueryData(query.queryKey, insert({ ...data, pages }, conversation, belongs, orderOf(filter)));
  }
}

/** Shows a message that an answer brought; its frame may have come before, or comes later. */
export function showMessage(client: QueryClient, message: Message): void {
  client.setQueryData<ThreadData>(keys.thread(message.conversationId), (data) => {
    if (data === undefined) return data;
    const first = data.pages[0];
    // Newer than all that is known, but no frame: pages keep their seq, so that the frame still counts.
    return first === undefined ? data : upsert(data, message, first.seq + 0.5);
  });
}

/** Asks again for pages that were read before the socket could tell of what came after. */
export function refreshOlderThan(client: QueryClient, seq: number): void {
  for (const queryKey of [keys.lists, keys.threads]) {
    void client.invalidateQueries({
      queryKey,
      predicate: (query) => {
        const data = query.state.data as ListData | ThreadData | undefined;
        return data !== undefined && data.pages.some((page) => page.seq < seq);
      },
    });
  }
}
