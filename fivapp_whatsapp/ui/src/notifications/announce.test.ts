import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { FakeLocks } from "../testing/locks";
import { message, mine } from "../testing/make";
import type { Notices } from "./advice";

const shown = vi.fn<(title: string, options: NotificationOptions) => Promise<void>>(() => Promise.resolve());
const opened = vi.fn();

class FakeAudio {
  currentTime = 0;
  destination = {};
  constructor() {
    opened();
  }
  createOscillator() {
    return { frequency: {}, connect: (next: unknown) => next, start: () => undefined, stop: () => undefined };
  }
  createGain() {
    const gain = { setValueAtTime: vi.fn(), linearRampToValueAtTime: vi.fn(), exponentialRampToValueAtTime: vi.fn() };
    return { gain, connect: (next: unknown) => next };
  }
  close = () => Promise.resolve();
}

const locks = new FakeLocks();
const on: Notices = { wanted: true, permission: "granted", push: "not_installed" };

/** A tab of the browser: modules of its own, locks and storage shared with the others. */
async function tab({ focused = false, clicked = true } = {}) {
  vi.resetModules();
  vi.spyOn(document, "hasFocus").mockReturnValue(focused);
  vi.stubGlobal("navigator", {
    locks: locks.tab(),
    userActivation: { hasBeenActive: clicked },
    userAgent: "Chrome",
    maxTouchPoints: 0,
    serviceWorker: { register: () => Promise.resolve({ active: {}, showNotification: shown }) },
  });
  const modules = {
    ...(await import("./announce")),
    ...(await import("./looking")),
    ...(await import("./sound")),
    ...(await import("./notices")),
  };
  modules.notices.set(on);
  return modules;
}

beforeEach(() => {
  vi.stubGlobal("AudioContext", FakeAudio);
  localStorage.setItem("fivapp.sound", "on");
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  shown.mockClear();
  opened.mockClear();
  localStorage.clear();
});

it("two tabs tell of a message once: one sound, one notification that leads to the message", async () => {
  const [one, two] = [await tab(), await tab()];
  const came = message({ conversationId: "c-two" });
  await Promise.all([one.announce(came, "Nova mensagem de Rita"), two.announce(came, "Nova mensagem de Rita")]);
  expect(opened).toHaveBeenCalledTimes(1);
  expect(shown).toHaveBeenCalledTimes(1);
  const [title, options] = shown.mock.calls[0] ?? [];
  expect(title).toBe("Nova mensagem de Rita");
  expect(options).toMatchObject({ tag: "c-two", data: { path: `/conversations/c-two?message=${came.id}` } });
  expect(JSON.stringify(options)).not.toContain(came.text);
});

it("a tab in which nobody has clicked yet leaves the sound to another", async () => {
  const silent = await tab({ clicked: false });
  const came = message();
  await silent.announce(came, "x");
  expect(opened).not.toHaveBeenCalled();
  const other = await tab();
  await other.announce(came, "x");
  expect(opened).toHaveBeenCalledTimes(1);
});

it("nothing is told of the conversation that one looks at, in whichever tab; of others only a sound", async () => {
  const watching = await tab({ focused: true });
  watching.lookAt("c-seen");
  const hidden = await tab();
  await hidden.announce(message({ conversationId: "c-seen" }), "x");
  expect(opened).not.toHaveBeenCalled();
  await hidden.announce(message({ conversationId: "c-other" }), "x");
  expect(opened).toHaveBeenCalledTimes(1);
  expect(shown).not.toHaveBeenCalled();
});

it("where the gateway pushes, the page shows nothing of its own", async () => {
  const here = await tab();
  here.notices.set({ ...on, push: "on" });
  vi.spyOn(here, "lookedAt");
  await here.announce(message({ conversationId: "c-pushed" }), "x");
  expect(shown).not.toHaveBeenCalled();
});

it("many that come at once are one sound", async () => {
  const here = await tab();
  for (let n = 0; n < 5; n += 1) await here.announce(message({ conversationId: `c-burst-${n}` }), "x");
  expect(opened).toHaveBeenCalledTimes(1);
});

it("own, late and small things, and what is somebody else's, are nothing to call for", async () => {
  const { concerns } = await tab();
  const now = Date.now();
  const came = message({ at: new Date(now).toISOString() });
  expect(concerns(came, undefined, "ana", now)).toBe(true);
  expect(concerns(came, { assigneeId: "ana" }, "ana", now)).toBe(true);
  expect(concerns(came, { assigneeId: "rui" }, "ana", now)).toBe(false);
  expect(concerns(mine({ at: came.at }), undefined, "ana", now)).toBe(false);
  expect(concerns({ ...came, kind: "reaction" }, undefined, "ana", now)).toBe(false);
  expect(concerns(came, undefined, "ana", now + 11 * 60_000)).toBe(false);
});
