/**
 * The service worker: shows what the gateway pushes, and leads a click to the conversation. It answers no request and
 * keeps no file: what pages read always comes from the gateway.
 */
import { addressOf, isLookedAt, ours, readNotice, soundsAgain, type Notice } from "./notice";

declare const self: ServiceWorkerGlobalScope;

const scope = () => self.registration.scope;
/** A page in which nobody is logged in, or that is busy, does not answer. */
const PATIENCE = 500;

self.addEventListener("install", () => void self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("push", (event) => event.waitUntil(show(payloadOf(event.data))));
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open((event.notification.data as { path?: string } | null)?.path ?? "/conversations"));
});
self.addEventListener("pushsubscriptionchange", (event) =>
  event.waitUntil(renew(event as unknown as { oldSubscription: PushSubscription | null })),
);

function payloadOf(data: PushMessageData | null): unknown {
  try {
    return data?.json();
  } catch {
    return null;
  }
}

async function show(payload: unknown): Promise<void> {
  const notice = readNotice(payload);
  const { held = [] } = (await self.navigator.locks?.query()) ?? {};
  if (isLookedAt(notice, held, scope())) return;
  const [older] = await self.registration.getNotifications({ tag: notice.tag });
  await self.registration.showNotification(
    notice.title,
    optionsOf(notice, (older?.data as { at?: unknown } | null)?.at),
  );
}

function optionsOf(notice: Notice, shownAt: unknown): NotificationOptions {
  const now = Date.now();
  const options = {
    body: notice.body,
    tag: notice.tag,
    renotify: soundsAgain(shownAt, now),
    icon: addressOf("assets/icon-192.png", scope()),
    badge: addressOf("assets/badge-96.png", scope()),
    data: { path: notice.path, at: now },
  };
  return options;
}

/** Shows a path in a page that is open, which goes there by itself and so keeps its drafts; else in a new one. */
async function open(path: string): Promise<void> {
  for (const window of ours(await self.clients.matchAll({ type: "window", includeUncontrolled: true }), scope())) {
    if (!(await goes(window, path))) continue;
    await window.focus();
    return;
  }
  await self.clients.openWindow(addressOf(path, scope()));
}

/** Asks a page to go to a path; returns whether it does. */
function goes(window: WindowClient, path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => resolve(true);
    setTimeout(() => resolve(false), PATIENCE);
    window.postMessage({ type: "open", path }, [port2]);
  });
}

/** The browser gave up a subscription by itself: where a cookie says who one is, the new one is told at once. */
async function renew({ oldSubscription }: { oldSubscription: PushSubscription | null }): Promise<void> {
  const applicationServerKey = oldSubscription?.options.applicationServerKey;
  if (applicationServerKey == null) return;
  const subscription = await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
  const { endpoint, keys } = subscription.toJSON();
  await fetch(addressOf("api/push/subscriptions", scope()), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ endpoint, keys }),
  });
}
