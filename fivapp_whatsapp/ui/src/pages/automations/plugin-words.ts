import type { Plugin } from "../../api/types";
import { knownDescription, knownTitle } from "../../lib/known-plugins";
import type { Language } from "../../lib/time";

type Words = Readonly<Record<string, unknown>>;

/** Returns a plugin's title in a language: of its settings' own words where they have one, else what it says itself. */
export function titleOf(plugin: Plugin, language: Language): string {
  const known = plugin.source === "bundled" ? knownTitle(plugin.name, language) : null;
  return known ?? translated(rootOf(plugin.schema), language, "title") ?? plugin.title;
}

export function descriptionOf(plugin: Plugin, language: Language): string | null {
  const known = plugin.source === "bundled" ? knownDescription(plugin.name, language) : null;
  const root = rootOf(plugin.schema);
  return known ?? translated(root, language, "description") ?? text(root.description);
}

function rootOf(schema: Words | null | undefined): Words {
  const name = typeof schema?.$ref === "string" ? schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1) : null;
  const part = name === null ? undefined : (schema?.$defs as Record<string, Words> | undefined)?.[name];
  return { ...part, ...schema };
}

function translated(schema: Words, language: Language, word: string): string | null {
  return text((schema.i18n as Record<string, Words> | undefined)?.[language]?.[word]);
}

function text(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}
