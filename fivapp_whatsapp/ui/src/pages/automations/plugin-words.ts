import type { Plugin } from "../../api/types";
import type { Language } from "../../lib/time";

type Words = Readonly<Record<string, unknown>>;

/** Returns a plugin's title in a language: of its settings' own words where they have one, else what it says itself. */
export function titleOf(plugin: Plugin, language: Language): string {
  return wordOf(rootOf(plugin.schema), language, "title") ?? plugin.title;
}

export function descriptionOf(plugin: Plugin, language: Language): string | null {
  return wordOf(rootOf(plugin.schema), language, "description");
}

function rootOf(schema: Words | null | undefined): Words {
  const name = typeof schema?.$ref === "string" ? schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1) : null;
  const part = name === null ? undefined : (schema?.$defs as Record<string, Words> | undefined)?.[name];
  return { ...part, ...schema };
}

function wordOf(schema: Words, language: Language, word: string): string | null {
  const found = (schema.i18n as Record<string, Words> | undefined)?.[language]?.[word];
  return typeof found === "string" ? found : null;
}
