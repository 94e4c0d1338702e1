/** What a thread shows, one row after the other: pure, so that the virtual list only draws. */
import type { Message } from "../api/types";
import type { Local } from "../live/outgoing";

export interface Reaction {
  emoji: string;
  name: string;
}

export type Row =
  | { type: "day"; key: string; at: string }
  | { type: "unread"; key: string; count: number }
  | { type: "system"; key: string; message: Message }
  | {
      type: "message";
      key: string;
      message: Message;
      /** The first, and the last, of several in a row by one author. */
      first: boolean;
      last: boolean;
      reactions: readonly Reaction[];
      quoted: Message | null;
    }
  | { type: "local"; key: string; local: Local; first: boolean };

export interface Thread {
  /** Oldest first. */
  messages: readonly Message[];
  locals: readonly Local[];
  /** The first message that was unread when the thread was opened, and how many there were. */
  unread: { firstId: string; count: number } | null;
}

const TOGETHER = 5 * 60_000;

export function buildRows({ messages, locals, unread }: Thread): Row[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const rowKey = (message: Message) => keyOf(message, byId);
  const replaced = new Set(messages.flatMap((message) => (message.retryOf == null ? [] : [message.retryOf])));
  const reactions = foldReactions(messages, byId);
  const rows: Row[] = [];
  let before: Message | null = null;
  const isNewDay = daysTold();
  for (const message of messages) {
    if (replaced.has(message.id) || isFolded(message, byId)) continue;
    if (isNewDay(message.at)) {
      // By its first message: a late one of yesterday between two of today makes today begin twice.
      rows.push({ type: "day", key: `day ${rowKey(message)}`, at: message.at });
      before = null;
    }
    if (unread !== null && message.id === unread.firstId) {
      rows.push({ type: "unread", key: "unread", count: unread.count });
      before = null;
    }
    if (message.kind === "system") {
      rows.push({ type: "system", key: message.id, message });
      before = null;
      continue;
    }
    const first = before === null || !together(before, message);
    if (!first) {
      const last = rows[rows.length - 1];
      if (last?.type === "message") last.last = false;
    }
    rows.push({
      type: "message",
      key: rowKey(message),
      message,
      first,
      last: true,
      reactions: reactions.get(message.id) ?? [],
      quoted: message.quotedMessageId == null ? null : (byId.get(message.quotedMessageId) ?? null),
    });
    before = message;
  }
  const stored = new Set(messages.map((message) => message.idempotencyKey));
  addLocals(
    rows,
    locals.filter((one) => !stored.has(one.key)),
    isNewDay,
  );
  return rows;
}

/** Returns the key of a message's row: that which it had before it was stored; a repetition takes the row it repeats. */
function keyOf(message: Message, byId: ReadonlyMap<string, Message>): string {
  const old = message.retryOf == null ? undefined : byId.get(message.retryOf);
  return old === undefined ? (message.idempotencyKey ?? message.id) : keyOf(old, byId);
}

/** Returns what tells whether a time is of another day, here, than the one before: most are not, and cost no calendar. */
function daysTold(): (at: string) => boolean {
  let from = 0;
  let to = 0;
  return (at) => {
    const time = Date.parse(at);
    if (time >= from && time < to) return false;
    const date = new Date(time);
    from = new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
    to = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1).getTime();
    return true;
  };
}

function addLocals(rows: Row[], locals: readonly Local[], isNewDay: (at: string) => boolean): void {
  for (const local of locals) {
    if (isNewDay(local.at)) rows.push({ type: "day", key: `day ${local.key}`, at: local.at });
    rows.push({ type: "local", key: local.key, local, first: rows[rows.length - 1]?.type !== "local" });
  }
}

/** Tells whether two messages stand together: one author, shortly one after the other. */
function together(before: Message, after: Message): boolean {
  return (
    before.direction === after.direction &&
    before.kind !== "note" &&
    after.kind !== "note" &&
    before.author.kind === after.author.kind &&
    (before.author.id ?? before.author.name) === (after.author.id ?? after.author.name) &&
    Date.parse(after.at) - Date.parse(before.at) < TOGETHER
  );
}

function isFolded(message: Message, byId: ReadonlyMap<string, Message>): boolean {
  return message.kind === "reaction" && message.quotedMessageId != null && byId.has(message.quotedMessageId);
}

/** Returns each message's reactions: the last of each person, none where it was taken back. */
function foldReactions(
  messages: readonly Message[],
  byId: ReadonlyMap<string, Message>,
): Map<string, readonly Reaction[]> {
  const found = new Map<string, Map<string, Reaction>>();
  for (const message of messages) {
    if (!isFolded(message, byId)) continue;
    const target = message.quotedMessageId as string;
    const people = found.get(target) ?? new Map<string, Reaction>();
    found.set(target, people);
    const who = message.author.id ?? message.author.name ?? message.author.kind;
    people.delete(who);
    if (message.text) people.set(who, { emoji: message.text, name: message.author.name ?? "" });
  }
  return new Map([...found].map(([id, people]) => [id, [...people.values()]]));
}

/** Returns the first unread message of a thread: the last `count` incoming ones are unread. Oldest first. */
export function firstUnread(messages: readonly Message[], count: number): { firstId: string; count: number } | null {
  if (count <= 0) return null;
  let left = count;
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    const message = messages[index] as Message;
    if (message.direction !== "incoming") continue;
    left -= 1;
    if (left === 0) return { firstId: message.id, count };
  }
  const first = messages.find((message) => message.direction === "incoming");
  return first === undefined ? null : { firstId: first.id, count };
}
