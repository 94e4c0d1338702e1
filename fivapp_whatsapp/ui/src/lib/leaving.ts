import type { AroundNavHandler } from "wouter";
import { watched } from "./external";

/** Whether the page holds something that would be lost, or forgotten, when one leaves it. */
export const unsaved = watched(false);

/** The navigation that waits for an answer. */
export const leaving = watched<(() => void) | null>(null);

/** Asks before a link leads away from what is not saved; without such, it goes at once. */
export const aroundNav: AroundNavHandler = (navigate, to, options) => {
  if (unsaved.get()) leaving.set(() => () => navigate(to, options));
  else navigate(to, options);
};

/** Keeps the browser from closing or reloading without a question. */
export function warn(event: BeforeUnloadEvent): void {
  if (unsaved.get()) event.preventDefault();
}
