/** Makes what tests need: conversations, messages, frames. */
import type { Conversation, Message } from "../api/types";
import type { ListData, ThreadData } from "../live/apply";
import type { EventFrame } from "../live/frames";

let count = 0;

export function message(values: Partial<Message> = {}): Message {
  count += 1;
  return {
    id: `m${count}`,
    conversationId: "c1",
    direction: "incoming",
    kind: "text",
    status: values.direction === "outgoing" ? "accepted" : "received",
    text: `text ${count}`,
    author: { kind: "contact", name: "Rita" },
    at: new Date(Date.UTC(2026, 10, 26, 12, 0, count)).toISOString(),
    ...values,
  } as Message;
}

export function mine(values: Partial<Message> = {}): Message {
  return message({ direction: "outgoing", author: { kind: "agent", id: "ana", name: "Ana" }, ...values });
}

export function conversation(values: Partial<Conversation> = {}): Conversation {
  return {
    id: "c1",
    sessionId: "acme",
    chatId: "5511988887777@c.us",
    title: "Rita",
    isGroup: false,
    status: "open",
    unreadCount: 0,
    lastMessage: null,
    answeredBy: "bot",
    labels: [],
    ...values,
  } as Conversation;
}

export function list(seq: number, ...items: Conversation[]): ListData {
  return { pages: [{ items, nextCursor: null, seq }], pageParams: [null] };
}

/** Newest first, as the gateway answers. */
export function thread(seq: number, ...items: Message[]): ThreadData {
  return { pages: [{ items, nextCursor: null, seq }], pageParams: [null] };
}

export function created(seq: number, data: Message): EventFrame {
  return { seq, type: "message.created", at: data.at, conversationId: data.conversationId, data };
}

export function updated(seq: number, data: Message): EventFrame {
  return { seq, type: "message.updated", at: data.at, conversationId: data.conversationId, data };
}

export function changed(seq: number, data: Conversation): EventFrame {
  return { seq, type: "conversation.updated", at: "2026-11-26T12:00:00Z", conversationId: data.id, data };
}
