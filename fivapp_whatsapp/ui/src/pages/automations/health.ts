import type { Plugin } from "../../api/types";
import type { Key } from "../../i18n";

export type Tone = "good" | "warn" | "bad" | "plain";
export interface Health {
  tone: Tone;
  key: Key;
}

/** Returns how a plugin does, as a word: what stops it from working comes first. */
export function healthOf(plugin: Plugin, allOn: boolean): Health {
  if (plugin.problem != null) return { tone: "bad", key: "plugin.invalid" };
  if (!plugin.enabled) return { tone: "plain", key: "plugin.off" };
  if (plugin.health.reason != null) return { tone: "bad", key: `plugin.paused.${plugin.health.reason}` };
  if (answers(plugin) && !allOn) return { tone: "plain", key: "plugin.allOff" };
  if (plugin.schema != null && !plugin.configured) return { tone: "plain", key: "plugin.defaults" };
  return { tone: "good", key: "plugin.on" };
}

/** Tells whether a plugin takes part in answering: the order and the switch for all bots matter to it. */
export function answers(plugin: Plugin): boolean {
  return plugin.hooks.includes("reply_to");
}
