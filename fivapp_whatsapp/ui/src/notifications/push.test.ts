import { afterEach, beforeEach, expect, it, vi } from "vitest";

const KEY = "BPk_-A"; // of four bytes: 04 f9 3f f8
const bytes = new Uint8Array([0x04, 0xf9, 0x3f, 0xf8]).buffer;
const calls: [string, string, unknown][] = [];
let answers: Record<string, [number, unknown]>;
let known: FakeSubscription | null;
const registered = vi.fn();

class FakeSubscription {
  readonly options: { applicationServerKey: ArrayBuffer };
  ended = false;
  constructor(key: ArrayBuffer) {
    this.options = { applicationServerKey: key };
  }
  toJSON() {
    return { endpoint: "https://push.test/x", keys: { p256dh: "p", auth: "a" } };
  }
  unsubscribe() {
    this.ended = true;
    known = null;
    return Promise.resolve(true);
  }
}

const subscribe = vi.fn(() => {
  known = new FakeSubscription(bytes);
  return Promise.resolve(known);
});

async function load() {
  vi.resetModules();
  return { ...(await import("./push")), ...(await import("./notices")) };
}

beforeEach(() => {
  known = null;
  calls.length = 0;
  answers = {
    "GET /api/push/key": [200, { publicKey: KEY }],
    "POST /api/push/subscriptions": [201, { id: "d1" }],
    "DELETE /api/push/subscriptions/d1": [204, null],
  };
  vi.stubGlobal("fetch", async (request: Request) => {
    const path = new URL(request.url).pathname;
    calls.push([request.method, path, request.method === "POST" ? await request.json() : null]);
    const [status, body] = answers[`${request.method} ${path}`] ?? [404, { code: "plugin_not_installed" }];
    return new Response(body === null ? null : JSON.stringify(body), {
      status,
      headers: { "Content-Type": "application/json" },
    });
  });
  const pushManager = { getSubscription: () => Promise.resolve(known), subscribe };
  const registration = { active: {}, installing: null, waiting: null, pushManager };
  vi.stubGlobal("navigator", {
    userAgent: "Mozilla/5.0 (Linux; Android 15) Chrome/140 Safari/537",
    maxTouchPoints: 0,
    serviceWorker: {
      register: (...words: unknown[]) => {
        registered(...words);
        return Promise.resolve(registration);
      },
      getRegistration: () => Promise.resolve(registration),
    },
  });
  vi.stubGlobal("Notification", { permission: "granted", requestPermission: vi.fn() });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.clearAllMocks();
  localStorage.clear();
});

const posted = () => calls.filter(([method]) => method === "POST").map(([, , body]) => body);

it("subscribes with the gateway's key, and tells it the same subscription at the next visit", async () => {
  const push = await load();
  expect(await push.subscribe("en")).toBe("on");
  expect(registered).toHaveBeenCalledWith("/service-worker.js", { scope: "/", updateViaCache: "none" });
  expect(subscribe).toHaveBeenCalledWith({ userVisibleOnly: true, applicationServerKey: KEY });
  expect(await push.subscribe("pt-BR")).toBe("on");
  expect(subscribe).toHaveBeenCalledTimes(1);
  const device = { endpoint: "https://push.test/x", keys: { p256dh: "p", auth: "a" }, name: "Chrome, Android" };
  expect(posted()).toEqual([
    { ...device, language: "en" },
    { ...device, language: "pt-BR" },
  ]);
});

it("subscribes anew where the gateway's key has changed", async () => {
  const old = new FakeSubscription(new Uint8Array([1, 2]).buffer);
  known = old;
  expect(await (await load()).subscribe("en")).toBe("on");
  expect(old.ended).toBe(true);
  expect(subscribe).toHaveBeenCalledTimes(1);
});

it("says why it cannot be", async () => {
  const push = await load();
  delete answers["GET /api/push/key"];
  expect(await push.subscribe("en")).toBe("not_installed");
  answers["GET /api/push/key"] = [409, { code: "push_not_configured" }];
  expect(await push.subscribe("en")).toBe("not_configured");
  answers["GET /api/push/key"] = [200, { publicKey: KEY }];
  answers["POST /api/push/subscriptions"] = [422, { code: "endpoint_refused" }];
  expect(await push.subscribe("en")).toBe("refused");
  subscribe.mockRejectedValueOnce(new DOMException("push service not available", "AbortError"));
  known = null;
  expect(await push.subscribe("en")).toBe("failed");
  vi.stubGlobal("navigator", { userAgent: "" });
  expect(await push.subscribe("en")).toBe("unsupported");
});

it("a log-out ends it here and at the gateway; the same user's next login begins it again", async () => {
  const push = await load();
  const me = { id: "ana", tenantId: "acme" };
  await push.setNotices(me, true, "en");
  expect(push.notices.get()).toEqual({ wanted: true, permission: "granted", push: "on" });
  await push.leaveNotices();
  expect(calls.at(-1)?.slice(0, 2)).toEqual(["DELETE", "/api/push/subscriptions/d1"]);
  expect(known).toBeNull();
  await push.resume(me, "en");
  expect(push.notices.get().push).toBe("on");
});

it("another user of the same browser is not told of the first one's messages", async () => {
  const push = await load();
  await push.setNotices({ id: "ana", tenantId: "acme" }, true, "en");
  await push.resume({ id: "rui", tenantId: "acme" }, "en");
  expect(push.notices.get()).toEqual({ wanted: false, permission: "granted", push: "unknown" });
  expect(known).toBeNull();
});

it("a permission is only asked for after a click, and a no is kept as off", async () => {
  const ask = vi.fn(() => Promise.resolve("denied"));
  vi.stubGlobal("Notification", { permission: "default", requestPermission: ask });
  const push = await load();
  const me = { id: "ana", tenantId: "acme" };
  await push.resume(me, "en");
  expect(ask).not.toHaveBeenCalled();
  await push.setNotices(me, true, "en");
  expect(ask).toHaveBeenCalledTimes(1);
  expect(push.notices.get().wanted).toBe(false);
  expect(calls).toEqual([]);
});
