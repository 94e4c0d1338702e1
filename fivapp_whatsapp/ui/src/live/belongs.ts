import type { Conversation, View } from "../api/types";
import { byActivity, byWait, type Belongs, type Order } from "./apply";

/** Which conversations a list holds. */
export interface Filter {
  view: View | null;
  label: string | null;
  query: string;
}

export const ALL: Filter = { view: null, label: null, query: "" };

/** Returns whether a conversation belongs to a list, as the gateway decides it; null for what only it can know. */
export function belongsTo(filter: Filter, userId: string, now: () => number = Date.now): Belongs | null {
  if (filter.query !== "") return null;
  return (conversation) => {
    if (filter.view === "closed") return conversation.status === "closed";
    if (conversation.status === "closed") return false;
    return inView(filter, conversation, userId, now());
  };
}

function inView(filter: Filter, conversation: Conversation, userId: string, now: number): boolean {
  switch (filter.view) {
    case "to_answer":
      return conversation.waitingSince != null && conversation.status === "open";
    case "mine":
      return conversation.assigneeId === userId;
    case "unassigned":
      return conversation.assigneeId == null;
    case "groups":
      return conversation.isGroup;
    case "bots":
      return botAnswers(conversation, now);
    case "label":
      return filter.label !== null && conversation.labels.includes(filter.label);
    default:
      return true;
  }
}

/** Tells whether a bot answers in a conversation now: it is not paused. */
export function botAnswers(conversation: Conversation, now: number): boolean {
  return (
    conversation.answeredBy === "bot" &&
    (conversation.pausedUntil == null || new Date(conversation.pausedUntil).getTime() <= now)
  );
}

/** Returns the order of a list, as the gateway gives it. */
export function orderOf(filter: Filter): Order {
  return filter.query === "" && filter.view === "to_answer" ? byWait : byActivity;
}

/** Returns the parameters of a list's request. */
export function listQuery(filter: Filter): { filter?: View; label?: string; q?: string; searchIn?: "names" } {
  return {
    ...(filter.view === null ? {} : { filter: filter.view }),
    ...(filter.label === null ? {} : { label: filter.label }),
    ...(filter.query === "" ? {} : { q: filter.query, searchIn: "names" }),
  };
}
