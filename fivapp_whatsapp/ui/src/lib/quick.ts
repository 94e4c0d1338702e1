import type { QuickReply } from "../api/types";
import { fold } from "./fold";

/** Returns what stands behind the slash when a text asks for quick replies; null when it does not. */
export function slashQuery(text: string): string | null {
  return /^\/([^\s/]*)$/.exec(text)?.[1] ?? null;
}

/** Returns the replies that fit, those whose shortcut begins so first. */
export function matching(replies: readonly QuickReply[], query: string): QuickReply[] {
  const wanted = fold(query);
  const begins = (reply: QuickReply) => fold(reply.shortcut).startsWith(wanted);
  const holds = (reply: QuickReply) => fold(`${reply.shortcut} ${reply.text}`).includes(wanted);
  return [...replies.filter(begins), ...replies.filter((reply) => !begins(reply) && holds(reply))].slice(0, 8);
}

const VARIABLE = /\{([\p{L}\p{N} _-]{1,40})\}/gu;

/** Returns the names in braces that nobody has filled in yet. */
export function unfilled(text: string): string[] {
  return [...new Set([...text.matchAll(VARIABLE)].map((match) => match[1] as string))];
}

/** Returns a reply with what is known filled in; the rest keeps its braces, to be seen and filled. */
export function fillIn(text: string, known: Readonly<Record<string, string>>): string {
  return text.replace(VARIABLE, (braces, name: string) => known[fold(name)] || braces);
}

/** Returns where the first unfilled name stands, to select it. */
export function firstVariable(text: string): [number, number] | null {
  const match = new RegExp(VARIABLE.source, "u").exec(text);
  return match === null ? null : [match.index, match.index + match[0].length];
}
