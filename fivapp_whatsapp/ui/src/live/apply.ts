/**
 * What a frame changes in what is on the screen. Each page knows the `seq` up to which it is true: a frame that is not
 * newer changes nothing, so that applying it twice, or late, does no harm.
 */
import type { InfiniteData } from "@tanstack/react-query";
import type { Conversation, ConversationPage, Message, MessagePage } from "../api/types";
import type { EventFrame } from "./frames";

export type ListData = InfiniteData<ConversationPage, string | null>;
export type ThreadData = InfiniteData<MessagePage, string | null>;
export type Belongs = (conversation: Conversation) => boolean;
/** Below zero where the first of two conversations stands before the other. */
export type Order = (a: Conversation, b: Conversation) => number;

/** What happened last comes first. */
export const byActivity: Order = (a, b) => compare(b.lastMessage?.at ?? "", a.lastMessage?.at ?? "");

/** Who has waited longest comes first. */
export const byWait: Order = (a, b) => compare(a.waitingSince ?? "", b.waitingSince ?? "") || compare(a.id, b.id);

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** More than this is not kept of what nobody looks at, nor behind the start of what somebody does. */
export const LONG = 200;

/** Returns how many items are loaded. */
export function lengthOf(data: InfiniteData<{ items: readonly unknown[] }, unknown>): number {
  return data.pages.reduce((sum, page) => sum + page.items.length, 0);
}

const SILENT = new Set<Message["kind"]>(["note", "system"]);

/** Returns a conversation after one of its messages was created at a seq: the rules of docs/api.md. */
function withMessage(conversation: Conversation, message: Message, seq: number): Conversation {
  if (SILENT.has(message.kind)) return conversation;
  // It was read together with this message, whose frame comes only now.
  if (seq <= (conversation.activitySeq ?? 0)) return conversation;
  if (message.direction === "incoming") {
    return {
      ...conversation,
      activitySeq: seq,
      lastMessage: message,
      unreadCount: conversation.unreadCount + 1,
      waitingSince: conversation.waitingSince ?? message.at,
    };
  }
  const { waitingSince: _, ...rest } = conversation;
  return { ...rest, activitySeq: seq, lastMessage: message };
}

/** Returns a conversation as a frame leaves it; the same object where the frame is not about it. */
export function applyToConversation(conversation: Conversation, frame: EventFrame): Conversation {
  if (frame.conversationId !== conversation.id) return conversation;
  switch (frame.type) {
    case "conversation.updated":
      return frame.data;
    case "message.created":
      return withMessage(conversation, frame.data, frame.seq);
    case "message.updated":
      return conversation.lastMessage?.id === frame.data.id
        ? { ...conversation, lastMessage: frame.data }
        : conversation;
    default:
      return conversation;
  }
}

export interface Applied {
  data: ListData;
  /** The conversation that a frame is about and the list should hold, but knows nothing of: to be read and inserted. */
  missing: string | null;
}

/** Returns a list as a frame leaves it: in its order, what does not belong any more is gone. */
export function applyToList(data: ListData, frame: EventFrame, belongs: Belongs, order: Order = byActivity): Applied {
  const id = frame.conversationId;
  const about = frame.type.startsWith("message.") || frame.type === "conversation.updated";
  if (id === undefined || !about) return { data: seen(data, frame.seq), missing: null };
  const found = find(data, id);
  if (found === null) {
    const stale = data.pages.every((page) => page.seq >= frame.seq);
    if (stale) return { data, missing: null };
    if (frame.type === "conversation.updated") {
      return { data: seen(insert(data, frame.data, belongs, order), frame.seq), missing: null };
    }
    const moves = frame.type === "message.created" && !SILENT.has(frame.data.kind);
    return { data: seen(data, frame.seq), missing: moves ? id : null };
  }
  const page = data.pages[found.page];
  if (page === undefined || page.seq >= frame.seq) return { data: seen(data, frame.seq), missing: null };
  const before = page.items[found.index] as Conversation;
  const after = applyToConversation(before, frame);
  // Who writes again waits since the first time.
  const moves = order === byActivity && frame.type === "message.created" && !SILENT.has(frame.data.kind);
  return { data: seen(put(data, found, after, moves, belongs), frame.seq), missing: null };
}

interface Place {
  page: number;
  index: number;
}

function find(data: ListData, id: string): Place | null {
  for (const [page, { items }] of data.pages.entries()) {
    const index = items.findIndex((item) => item.id === id);
    if (index >= 0) return { page, index };
  }
  return null;
}

function put(data: ListData, place: Place, after: Conversation, moves: boolean, belongs: Belongs): ListData {
  const stays = belongs(after);
  const pages = data.pages.map((page, number) => {
    if (number !== place.page) return page;
    const items = [...page.items];
    if (stays && !moves) items[place.index] = after;
    else items.splice(place.index, 1);
    return { ...page, items };
  });
  const first = pages[0];
  if (stays && moves && first !== undefined) pages[0] = { ...first, items: [after, ...first.items] };
  return { ...data, pages };
}

/** Returns a list with a conversation that it did not know, where its order puts it. */
export function insert(
  data: ListData,
  conversation: Conversation,
  belongs: Belongs,
  order: Order = byActivity,
): ListData {
  if (!belongs(conversation) || find(data, conversation.id) !== null) return data;
  for (const [number, page] of data.pages.entries()) {
    const index = page.items.findIndex((item) => order(conversation, item) < 0);
    const last = number === data.pages.length - 1;
    // Behind what is loaded, it comes with its page.
    if (index < 0 && !(last && page.nextCursor === null)) continue;
    const items = [...page.items];
    items.splice(index < 0 ? items.length : index, 0, conversation);
    return { ...data, pages: data.pages.map((other, place) => (place === number ? { ...page, items } : other)) };
  }
  // One that nobody has written to yet was just opened here: on top, where it can be seen.
  const first = data.pages[0];
  if (conversation.lastMessage != null || first === undefined) return data;
  return { ...data, pages: [{ ...first, items: [conversation, ...first.items] }, ...data.pages.slice(1)] };
}

/** Returns a thread as a frame leaves it. */
export function applyToThread(data: ThreadData, frame: EventFrame): ThreadData {
  if (frame.type !== "message.created" && frame.type !== "message.updated") return seen(data, frame.seq);
  return seen(upsert(data, frame.data, frame.seq, frame.type === "message.created"), frame.seq);
}

/** Returns a thread with a message in its place; a newer one comes first. `seq` guards against older news. */
export function upsert(data: ThreadData, message: Message, seq: number, mayAdd = true): ThreadData {
  for (const [number, page] of data.pages.entries()) {
    const index = page.items.findIndex((item) => item.id === message.id);
    if (index < 0) continue;
    const before = page.items[index] as Message;
    if (further(message, before) || (page.seq >= seq && !further(before, message))) return data;
    const items = [...page.items];
    items[index] = message;
    return { ...data, pages: data.pages.map((other, place) => (place === number ? { ...page, items } : other)) };
  }
  const first = data.pages[0];
  if (!mayAdd || first === undefined || first.seq >= seq) return data;
  return { ...data, pages: [{ ...first, items: [message, ...first.items] }, ...data.pages.slice(1)] };
}

const RANK: Message["status"][] = [
  "pending",
  "cancelled",
  "expired",
  "unknown",
  "accepted",
  "sent",
  "failed",
  "delivered",
  "read",
  "played",
];

/** Tells whether a message came further: its status only goes up, so that a late answer takes nothing back. */
export function further(before: Message, after: Message): boolean {
  return RANK.indexOf(after.status) > RANK.indexOf(before.status);
}

function seen<Page extends { seq: number }>(
  data: InfiniteData<Page, string | null>,
  seq: number,
): InfiniteData<Page, string | null> {
  if (data.pages.every((page) => page.seq >= seq)) return data;
  return { ...data, pages: data.pages.map((page) => (page.seq >= seq ? page : { ...page, seq })) };
}
