/** Whether this user is told of messages in this browser, and how. */
import type { Me } from "../api/types";
import { base } from "../base";
import { watched } from "../lib/external";
import { read, write } from "../lib/storage";
import type { Language } from "../lib/time";
import { permissionOf, type Notices } from "./advice";
import { subscribe, unsubscribe } from "./push";

const PATIENCE = 3_000;

type Who = Pick<Me, "id" | "tenantId">;

export const notices = watched<Notices>({ wanted: false, permission: permissionOf(window), push: "unknown" });

const wish = ({ tenantId, id }: Who) => `fivapp.notifications.${tenantId}.${id}`;

// Two visits at once, as of two tabs, would each end the other's subscription when the key has changed.
async function alone<T>(act: () => Promise<T>): Promise<T> {
  return navigator.locks == null ? await act() : await navigator.locks.request(`fivapp${base}.push`, act);
}

/** Does at each visit what the user chose before: a subscription that is not told again is forgotten after a month. */
export async function resume(me: Who, language: Language): Promise<void> {
  const wanted = read(wish(me)) === "on";
  const permission = permissionOf(window);
  notices.set({ wanted, permission, push: "unknown" });
  // What somebody else left behind in this browser would show them our customers, or us theirs.
  const push = await alone(async () => {
    if (wanted && permission === "granted") return subscribe(language);
    await unsubscribe();
    return "unknown" as const;
  });
  notices.set((now) => (now.wanted === wanted ? { ...now, push } : now));
}

/** Switches notifications on or off; the browser asks for permission only here, after a click. */
export async function setNotices(me: Who, on: boolean, language: Language): Promise<void> {
  if (on && permissionOf(window) === "default") await Notification.requestPermission();
  const wanted = on && permissionOf(window) === "granted";
  write(wish(me), wanted ? "on" : null);
  await resume(me, language);
}

/** Ends what reaches this browser, at log-out; at the next login of the same user it begins again by itself. */
export async function leaveNotices(): Promise<void> {
  // Without network a log-out does not wait for it.
  await Promise.race([alone(unsubscribe), new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
}
