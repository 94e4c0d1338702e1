import { read, write } from "./storage";
import { watched } from "./external";

const STORED = "fivapp.single-keys";

/** Whether the list of shortcuts is open. */
export const shortcutsOpen = watched(false);

/** Whether single letters act; they can be switched off (WCAG 2.1.4). */
export const singleKeys = watched(read(STORED) !== "off");

export function setSingleKeys(on: boolean): void {
  write(STORED, on ? null : "off");
  singleKeys.set(on);
}

/** Tells whether a key belongs to what has the focus: a field, or a menu that is open. */
export function isTaken(event: KeyboardEvent): boolean {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  return (
    target.isContentEditable ||
    /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) ||
    target.closest('[role="menu"], [role="dialog"], [role="listbox"]') !== null
  );
}

/** Tells whether Enter means what has the focus: a link, a button or another widget, not the page or what scrolls. */
function opens(target: EventTarget | null): boolean {
  const widget = 'a, button, summary, audio, video, [role]:not([role="group"], [role="list"])';
  return target instanceof Element && target.matches(widget);
}

/** Returns the word of a key that was pressed, such as "j", "ctrl+k", "?"; null for one that is no shortcut here. */
export function shortcutOf(event: KeyboardEvent): string | null {
  if (event.isComposing || event.defaultPrevented || event.altKey) return null;
  if (event.ctrlKey || event.metaKey) return event.key.toLowerCase() === "k" ? "ctrl+k" : null;
  if (event.key === "Escape") return "escape";
  if (isTaken(event)) return null;
  if (event.key === "Enter") return opens(event.target) ? null : "enter";
  return singleKeys.get() && event.key.length === 1 ? event.key.toLowerCase() : null;
}
