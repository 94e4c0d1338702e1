import type { Conversation, Message, Session } from "../api/types";
import type { Writing } from "./typing";

/** What the WebSocket says of one thing that happened; `data` is the whole object as it is now. */
interface Told<Type extends string, Data> {
  seq: number;
  type: Type;
  at: string;
  conversationId?: string;
  data: Data;
}

export interface Notice {
  code: string;
  detail?: string;
  sessionId?: string;
  messageId?: string;
  conversationId?: string;
}

/** A session that was taken off the list. */
export interface Gone {
  id: string;
  deleted: true;
}

export type EventFrame =
  | Told<"message.created" | "message.updated", Message>
  | Told<"conversation.updated", Conversation>
  | Told<"session.updated", Session | Gone>
  | Told<"notification", Notice>
  | Told<"group.updated", unknown>;

export type ControlFrame =
  | { type: "hello"; data: { epoch: string; seq: number } }
  | { type: "live"; data: { seq: number } }
  | { type: "typing"; data: Writing }
  | { type: "pong" }
  | { type: "resync_required"; data: { reason: string; epoch: string; seq: number } };

export type Frame = EventFrame | ControlFrame;

export function isEvent(frame: Frame): frame is EventFrame {
  return "seq" in frame;
}

/** Tells whether a customer wrote. */
export function isIncoming(frame: EventFrame): boolean {
  return frame.type === "message.created" && frame.data.direction === "incoming";
}

/** Reads what came; null for what is no frame. */
export function readFrame(text: unknown): Frame | null {
  if (typeof text !== "string") return null;
  try {
    const frame = JSON.parse(text) as Frame;
    return typeof frame === "object" && frame !== null && typeof frame.type === "string" ? frame : null;
  } catch {
    return null;
  }
}
