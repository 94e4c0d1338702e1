import { translate, type Key } from "../i18n";
import type { Language } from "./time";

// What comes with the gateway says what it is in the pages' own words.
const KNOWN: ReadonlySet<string> = new Set(["autoreply", "chatbot", "groups", "media", "push"]);

/** Returns the title of a plugin that comes with the gateway; null for any other. */
export function knownTitle(name: string, language: Language): string | null {
  return KNOWN.has(name) ? translate(language, `known.${name}` as Key) : null;
}

export function knownDescription(name: string, language: Language): string | null {
  return KNOWN.has(name) ? translate(language, `known.${name}.text` as Key) : null;
}
