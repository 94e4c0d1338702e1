/** Who writes right now: what colleagues are told of this page, and what this page hears of them. */
import { api } from "../api/client";
import { watched } from "../lib/external";

export interface Writing {
  conversationId: string;
  userId: string | null;
  name: string;
  on: boolean;
}

export interface Writer {
  id: string;
  name: string;
}

/** How long a mark holds that is not told again. */
export const HOLDS = 6_000;
const AGAIN = 3_000;

/** The colleagues who write, by conversation. */
export const writers = watched<Readonly<Record<string, readonly Writer[]>>>({});

const ends = new Map<string, ReturnType<typeof setTimeout>>();

function put(conversationId: string, change: (before: readonly Writer[]) => readonly Writer[]): void {
  writers.set((all) => {
    const { [conversationId]: before = [], ...rest } = all;
    const after = change(before);
    if (after === before) return all;
    return after.length === 0 ? rest : { ...rest, [conversationId]: after };
  });
}

function stop(conversationId: string, id: string): void {
  clearTimeout(ends.get(`${conversationId} ${id}`));
  ends.delete(`${conversationId} ${id}`);
  put(conversationId, (before) =>
    before.some((one) => one.id === id) ? before.filter((one) => one.id !== id) : before,
  );
}

/** Takes what a frame tells; one's own writing in another tab is no news. */
export function hearWriting({ conversationId, userId, name, on }: Writing, ownId: string): void {
  const id = userId ?? name;
  if (id === ownId) return;
  stop(conversationId, id);
  if (!on) return;
  put(conversationId, (before) => [...before, { id, name: name || id }]);
  ends.set(
    `${conversationId} ${id}`,
    setTimeout(() => stop(conversationId, id), HOLDS),
  );
}

let told: { conversationId: string; at: number } | null = null;

function tell(conversationId: string, on: boolean): void {
  const params = { path: { conversationId } };
  // Nobody waits for it, and what is lost is told again.
  void api.POST("/api/conversations/{conversationId}/typing", { params, body: { on } }).catch(() => undefined);
}

/** Tells that a key was pressed in a conversation's field, at most every three seconds. */
export function writing(conversationId: string): void {
  const now = Date.now();
  if (told?.conversationId === conversationId && now < told.at + AGAIN) return;
  if (told !== null && told.conversationId !== conversationId) stopWriting(told.conversationId);
  told = { conversationId, at: now };
  tell(conversationId, true);
}

/** Tells that it is over, where it was told that it began a moment ago. */
export function stopWriting(conversationId: string): void {
  if (told?.conversationId !== conversationId) return;
  const passed = Date.now() >= told.at + HOLDS;
  told = null;
  if (!passed) tell(conversationId, false);
}
