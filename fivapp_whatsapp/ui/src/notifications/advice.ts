import type { Key } from "../i18n";

/** What this browser is able and allowed to do. */
export type Permission = NotificationPermission | "insecure" | "home_screen" | "unsupported";

/**
 * How the gateway reaches this browser: `on` also with every page closed; else why only pages that are open can tell.
 * `unknown`: not asked yet, or on the way.
 */
export type Push = "unknown" | "on" | "not_installed" | "not_configured" | "unsupported" | "refused" | "failed";

export interface Notices {
  /** Whether this user wants notifications in this browser. */
  wanted: boolean;
  permission: Permission;
  push: Push;
}

/** Finds out what can be had here. `home_screen`: iPhones and iPads tell only what was added to the home screen. */
export function permissionOf(window: {
  isSecureContext: boolean;
  Notification?: { permission: NotificationPermission } | undefined;
  navigator: { userAgent: string; maxTouchPoints: number };
}): Permission {
  if (window.Notification !== undefined) return window.Notification.permission;
  if (!window.isSecureContext) return "insecure";
  const { userAgent, maxTouchPoints } = window.navigator;
  const apple = /iPhone|iPad/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1);
  return apple ? "home_screen" : "unsupported";
}

/** Tells whether notifications are shown. */
export function areShown({ wanted, permission }: Notices): boolean {
  return wanted && permission === "granted";
}

/** Returns the sentence that says how things are and, where something is missing, what to do about it. */
export function adviceOf(notices: Notices): Key {
  const { permission, push } = notices;
  if (permission !== "granted" && permission !== "default") return `notify.${permission}`;
  if (!areShown(notices)) return "notify.off";
  return `notify.push.${push}`;
}
