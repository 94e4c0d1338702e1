import type { Me, Message } from "../api/types";
import { watched } from "./external";
import { readJson, write } from "./storage";

export interface Draft {
  text: string;
  quoted: Message | null;
  note: boolean;
}

const PREFIX = "fivapp.draft.";
export const NO_DRAFT: Draft = { text: "", quoted: null, note: false };

/** The drafts of a user, by conversation; kept until they are sent, or the user logs out. */
export const drafts = watched<Readonly<Record<string, Draft>>>({});

let name = "";

function nameOf(me: Me): string {
  return `${PREFIX}${me.tenantId}.${me.id}`;
}

/** Reads the drafts that an earlier page of this user left. */
export function openDrafts(me: Me): void {
  if (name === nameOf(me)) return;
  name = nameOf(me);
  drafts.set(readJson<Record<string, Draft>>(name, {}));
}

export function draftOf(conversationId: string): Draft {
  return drafts.get()[conversationId] ?? NO_DRAFT;
}

export function isEmpty(draft: Draft): boolean {
  return draft.text.trim() === "" && draft.quoted === null;
}

export function setDraft(conversationId: string, draft: Draft): void {
  drafts.set((all) => {
    const { [conversationId]: _, ...rest } = all;
    return isEmpty(draft) && !draft.note ? rest : { ...rest, [conversationId]: draft };
  });
  keep();
}

let timer: ReturnType<typeof setTimeout> | undefined;

/** Writes shortly after the last key, and at once when the page goes. */
function keep(): void {
  clearTimeout(timer);
  timer = setTimeout(flushDrafts, 300);
}

export function flushDrafts(): void {
  clearTimeout(timer);
  if (name === "") return;
  const all = drafts.get();
  write(name, Object.keys(all).length === 0 ? null : JSON.stringify(all));
}

/** Forgets the drafts of the user who logs out; nothing is written any more. */
export function closeDrafts(): void {
  clearTimeout(timer);
  name = "";
  drafts.set({});
}

addEventListener("pagehide", flushDrafts);
