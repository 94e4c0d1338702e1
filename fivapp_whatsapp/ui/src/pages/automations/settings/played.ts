/** What a plugin's preview answers, and which of its fields have one. */
import type { Translate } from "../../../i18n";
import type { Language } from "../../../lib/time";

export interface Played {
  outputs: readonly { text: string; choices?: readonly { id: string; title: string }[] }[];
  events: readonly { kind: string; detail: string }[];
  problems: readonly Mistake[];
  /** Sent with the next message, it makes it one talk. */
  memory?: unknown;
}

export interface Mistake {
  severity: "error" | "warning";
  detail: string;
  line?: number | null;
  /** The detail in other languages, as a schema has its titles. */
  i18n?: Readonly<Record<string, { detail?: string }>>;
}

export interface PreviewContext {
  plugin: string;
  values: Readonly<Record<string, unknown>>;
}

/** Returns a mistake in the page's language, if the plugin has it, with its line, where it has one. */
export function lineOf({ line, i18n, ...said }: Mistake, t: Translate, language: Language): string {
  const detail = i18n?.[language]?.detail ?? said.detail;
  return line == null ? detail : t("player.line", { n: line, detail });
}

/**
 * Returns where a field's text is played, and with what: its schema has `preview: {route, with}`, a route of the plugin
 * and further settings that count. Null for a field without one, and for a plugin that names a strange route.
 */
export function previewOf(
  schema: object,
  field: string,
  value: unknown,
  { plugin, values }: PreviewContext,
): { path: string; settings: Record<string, unknown> } | null {
  const { route, with: also = [] } = (schema as { preview?: { route?: string; with?: string[] } }).preview ?? {};
  if (route === undefined || !/^[a-z0-9_-]+(\/[a-z0-9_-]+)*$/.test(route)) return null;
  const others = Object.fromEntries(also.filter((name) => name in values).map((name) => [name, values[name]]));
  return { path: `/api/${encodeURIComponent(plugin)}/${route}`, settings: { ...others, [field]: value } };
}
