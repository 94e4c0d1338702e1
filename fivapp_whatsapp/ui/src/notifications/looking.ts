/**
 * Whether somebody looks at this tab, and at which conversation. The gateway is told, so that it pushes nothing to who
 * looks already; other tabs and the service worker read it from the locks that this one holds.
 */
import { base } from "../base";
import { watched } from "../lib/external";
import { lookingLock } from "../worker/notice";

const LOCK = lookingLock(base, "");

function look(): boolean {
  return document.visibilityState === "visible" && document.hasFocus();
}

/** True while the tab is shown and its window has the focus. */
export const looking = watched(look());

let place = "";
let letGo: () => void = () => undefined;

function hold(): void {
  letGo();
  if (!looking.get() || navigator.locks == null) return;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  void navigator.locks.request(LOCK + place, { mode: "shared" }, () => held).catch(() => undefined);
}

function update(): void {
  looking.set(look());
}

for (const name of ["focus", "blur", "pageshow", "pagehide"]) addEventListener(name, update);
document.addEventListener("visibilitychange", update);
looking.subscribe(hold);
hold();

/** Says which conversation is open in this tab; null for none. */
export function lookAt(conversationId: string | null): void {
  place = conversationId ?? "";
  hold();
}

/** Returns the conversations that somebody looks at in any tab of this browser, "" for what is none; empty: nobody looks. */
export async function lookedAt(): Promise<ReadonlySet<string>> {
  if (navigator.locks == null) return new Set(looking.get() ? [place] : []);
  const { held = [] } = await navigator.locks.query();
  return new Set(held.flatMap(({ name }) => (name?.startsWith(LOCK) ? [name.slice(LOCK.length)] : [])));
}
