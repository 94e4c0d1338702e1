import type { Filter } from "../live/belongs";

/** The names of what the query cache holds. */
export const keys = {
  me: ["me"] as const,
  index: ["index"] as const,
  sessions: ["sessions"] as const,
  session: (id: string) => ["session", id] as const,
  lists: ["conversations"] as const,
  list: (filter: Filter) => ["conversations", filter] as const,
  found: (query: string) => ["found", query] as const,
  conversations: ["conversation"] as const,
  conversation: (id: string) => ["conversation", id] as const,
  threads: ["messages"] as const,
  thread: (id: string) => ["messages", id] as const,
  timeline: (id: string) => ["timeline", id] as const,
  labels: ["labels"] as const,
  quickReplies: ["quick-replies"] as const,
  accounts: ["accounts"] as const,
  automations: ["automations"] as const,
  plugins: ["plugins"] as const,
  failures: ["plugin-failures"] as const,
};
