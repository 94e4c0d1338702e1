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

/** Returns the name of the lock that a page holds while somebody looks at a conversation in it. */
export function lookingLock(prefix: string, conversationId: string): string {
  return `fivapp${prefix}.looking.${conversationId}`;
}

/** Tells by the locks that are held whether somebody looks already at what a notice is about. */
export function isLookedAt(notice: Notice, held: readonly { name?: string }[], scope: string): boolean {
  const lock = lookingLock(new URL(scope).pathname.replace(/\/$/, ""), notice.tag);
  return held.some(({ name }) => name === lock);
}

/** Returns the windows of ours, the one with the focus first; their addresses say only where they were opened. */
export function ours<W extends { readonly url: string; readonly focused: boolean }>(
  windows: readonly W[],
  scope: string,
): W[] {
  return windows.filter((one) => one.url.startsWith(scope)).sort((a, b) => Number(b.focused) - Number(a.focused));
}

/** Tells whether a notice makes a noise though an older one of its conversation is still shown. */
export function soundsAgain(shownAt: unknown, now: number): boolean {
  return typeof shownAt !== "number" || now - shownAt > BURST;
}
