/** This browser's subscription to the push plugin: made when it is wanted, told at each visit, ended at log-out. */
import { api, ask } from "../api/client";
import { problemOf } from "../api/problem";
import { address, base } from "../base";
import { read, write } from "../lib/storage";
import type { Language } from "../lib/time";
import type { Push } from "./advice";

const DEVICE = "fivapp.push.device";
const WORKER = "/service-worker.js";
/** What the plugin answers when it cannot be had here, and what that means. */
const CODES: Readonly<Record<string, Push>> = {
  plugin_not_installed: "not_installed",
  push_not_configured: "not_configured",
  endpoint_refused: "refused",
};

/** Returns our worker once it runs; null where there can be none. Throws what the browser says. */
export async function worker(): Promise<ServiceWorkerRegistration | null> {
  if (!("serviceWorker" in navigator)) return null;
  const registration = await navigator.serviceWorker.register(address(WORKER), {
    scope: `${base}/`,
    updateViaCache: "none",
  });
  const coming = registration.installing ?? registration.waiting;
  if (registration.active === null && coming !== null) await running(coming);
  return registration;
}

function running(coming: ServiceWorker): Promise<void> {
  return new Promise((resolve, reject) => {
    coming.addEventListener("statechange", () => {
      if (coming.state === "activated") resolve();
      if (coming.state === "redundant") reject(new Error("the service worker could not be installed"));
    });
  });
}

/** Subscribes this browser, or tells the gateway that it still is; anew where the gateway's key has changed. */
export async function subscribe(language: Language): Promise<Push> {
  try {
    const registration = await worker();
    if (registration === null || !("pushManager" in registration)) return "unsupported";
    const { publicKey } = await ask(api.GET("/api/push/key"));
    const subscription = await subscriptionFor(registration.pushManager, publicKey);
    const { endpoint = "", keys } = subscription.toJSON();
    const body = {
      endpoint,
      keys: { p256dh: keys?.p256dh ?? "", auth: keys?.auth ?? "" },
      name: deviceName(navigator.userAgent),
      language,
    };
    const device = await ask(api.POST("/api/push/subscriptions", { body }));
    write(DEVICE, device.id);
    return "on";
  } catch (error) {
    return CODES[problemOf(error).code] ?? "failed";
  }
}

async function subscriptionFor(manager: PushManager, publicKey: string): Promise<PushSubscription> {
  const known = await manager.getSubscription();
  if (known !== null && keyOf(known) === publicKey) return known;
  await known?.unsubscribe();
  return manager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey });
}

/** Returns the key that a subscription was made with, in base64 of URLs without padding. */
function keyOf(subscription: PushSubscription): string {
  const bytes = new Uint8Array(subscription.options.applicationServerKey ?? new ArrayBuffer(0));
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
}

/** Ends the subscription here and at the gateway: whoever uses this browser next is not told of our messages. */
export async function unsubscribe(): Promise<void> {
  const device = read(DEVICE);
  write(DEVICE, null);
  try {
    if (device !== null) await ask(api.DELETE("/api/push/subscriptions/{id}", { params: { path: { id: device } } }));
  } catch {
    // The gateway forgets it when the push service says that it is gone.
  }
  try {
    const registration = await navigator.serviceWorker?.getRegistration(`${base}/`);
    await (await registration?.pushManager?.getSubscription())?.unsubscribe();
  } catch {
    // There was none.
  }
}

/** Sends a notification to this browser the whole way; returns what came of it. */
export async function tryPush(): Promise<string> {
  const id = read(DEVICE) ?? "";
  return (await ask(api.POST("/api/push/subscriptions/{id}/test", { params: { path: { id } } }))).outcome;
}

/** Returns what a person calls this browser: "Chrome, Android". */
export function deviceName(userAgent: string): string {
  const find = (names: readonly (readonly [RegExp, string])[]) => names.find(([form]) => form.test(userAgent))?.[1];
  const browser = find([
    [/Edg/, "Edge"],
    [/OPR/, "Opera"],
    [/Firefox|FxiOS/, "Firefox"],
    [/Chrom|CriOS/, "Chrome"],
    [/Safari/, "Safari"],
  ]);
  const system = find([
    [/Android/, "Android"],
    [/iPhone|iPad/, "iOS"],
    [/Windows/, "Windows"],
    [/Macintosh/, "macOS"],
    [/CrOS/, "ChromeOS"],
    [/Linux/, "Linux"],
  ]);
  return [browser, system].filter(Boolean).join(", ");
}
