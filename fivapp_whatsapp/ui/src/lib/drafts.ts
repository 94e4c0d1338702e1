import type { Me, Message } from "../api/types";
import { watched } from "./external";
import { followKeys, keysFrom, readJson, userPrefix, write } from "./storage";

export interface Draft {
  text: string;
  quoted: Message | null;
  note: boolean;
}

export const NO_DRAFT: Draft = { text: "", quoted: null, note: false };

/** The drafts of a user, by conversation; kept until they are sent, or the user logs out. */
export const drafts = watched<Readonly<Record<string, Draft>>>({});

// Each conversation's draft has a key of its own, so that two tabs write over nothing of each other.
let prefix = "";
let unwritten = new Set<string>();
let stopFollowing: () => void = () => undefined;

/** Reads the drafts that an earlier page of this user left, and follows those of other tabs. */
export function openDrafts(me: Me): void {
  const name = userPrefix("draft", me);
  if (prefix === name) return;
  closeDrafts();
  prefix = name;
  const left = keysFrom(prefix).map((key) => [key.slice(prefix.length), readJson(key, NO_DRAFT)] as const);
  drafts.set(Object.fromEntries(left));
  stopFollowing = followKeys(prefix, (id) => {
    // What is being written here is newer, and is written soon.
    if (!unwritten.has(id)) show(id, readJson(prefix + id, NO_DRAFT));
  });
}

export function draftOf(conversationId: string): Draft {
  return drafts.get()[conversationId] ?? NO_DRAFT;
}

export function isEmpty(draft: Draft): boolean {
  return draft.text.trim() === "" && draft.quoted === null;
}

export function setDraft(conversationId: string, draft: Draft): void {
  show(conversationId, draft);
  unwritten.add(conversationId);
  keep();
}

function show(conversationId: string, draft: Draft): void {
  drafts.set((all) => {
    const { [conversationId]: _, ...rest } = all;
    return isEmpty(draft) && !draft.note ? rest : { ...rest, [conversationId]: draft };
  });
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** Writes shortly after the last key, and at once when the page goes. */
function keep(): void {
  clearTimeout(timer);
  timer = setTimeout(flushDrafts, 300);
}

export function flushDrafts(): void {
  clearTimeout(timer);
  if (prefix === "") return;
  for (const id of unwritten) {
    const draft = drafts.get()[id];
    write(prefix + id, draft === undefined ? null : JSON.stringify(draft));
  }
  unwritten.clear();
}

/** Forgets the drafts of the user who logs out; nothing is written any more. */
export function closeDrafts(): void {
  clearTimeout(timer);
  stopFollowing();
  prefix = "";
  unwritten = new Set();
  drafts.set({});
}

addEventListener("pagehide", flushDrafts);
