/** What becomes of a push: pure, so that it can be tested without a browser. */

export interface Notice {
  title: string;
  body: string;
  /** The conversation: its notices take each other's place. */
  tag: string;
  /** The path of a page of ours, without the prefix that the gateway is mounted at. */
  path: string;
}

const HOME = "/conversations";
/** A notice that follows an older one of its conversation so soon makes no noise again. */
export const BURST = 30_000;

function text(value: unknown, fallback = ""): string {
  return typeof value === "string" && value !== "" ? value : fallback;
}

/** Reads the payload that the push plugin sends; one that cannot be read still tells that something came. */
export function readNotice(payload: unknown): Notice {
  const data = (typeof payload === "object" && payload !== null ? payload : {}) as Record<string, unknown>;
  const unread = typeof data.unread === "number" && data.unread > 1 ? ` (${data.unread})` : "";
  const path = text(data.url, HOME);
  return {
    title: text(data.title, "Fi.VApp") + unread,
    body: text(data.body),
    tag: text(data.tag, "fivapp"),
    // Only a path of ours: neither another host nor a way out of the prefix.
    path: /^\/(?![/\\])/.test(path) && !path.includes("..") ? path : HOME,
  };
}

/** Returns the address of a path below the worker's scope, such as https://example.com/wa/. */
export function addressOf(path: string, scope: string): string {
  return new URL(path.replace(/^\/+/, ""), scope).href;
}

/** A window as the worker sees it. */
export interface Window {
  readonly url: string;
  readonly focused: boolean;
  readonly visibilityState: string;
}

/** Tells whether somebody looks at the conversation already that a notice is about. */
export function looksAt(windows: readonly Window[], notice: Notice, scope: string): boolean {
  const path = (url: string) => new URL(url).pathname;
  const wanted = path(addressOf(notice.path, scope));
  return (
    wanted !== path(addressOf(HOME, scope)) &&
    windows.some((one) => one.focused && one.visibilityState === "visible" && path(one.url) === wanted)
  );
}

/** Returns the window that a click leads to: the one last used of those where somebody is logged in. */
export function windowFor<W extends Window>(windows: readonly W[], scope: string): W | null {
  const login = addressOf("/login", scope);
  const ours = windows.filter((one) => one.url.startsWith(scope) && !one.url.startsWith(login));
  return ours.find((one) => one.focused) ?? ours[0] ?? null;
}

/** Tells whether a notice makes a noise though an older one of its conversation is still shown. */
export function soundsAgain(shownAt: unknown, now: number): boolean {
  return typeof shownAt !== "number" || now - shownAt > BURST;
}
