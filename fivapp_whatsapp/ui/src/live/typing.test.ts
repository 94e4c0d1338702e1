import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { hearWriting, HOLDS, stopWriting, writers, writing } from "./typing";

const fetched: { url: string; on: boolean }[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  fetched.length = 0;
  vi.stubGlobal("fetch", async (request: Request) => {
    fetched.push({ url: new URL(request.url).pathname, on: ((await request.json()) as { on: boolean }).on });
    return new Response(null, { status: 204 });
  });
});

afterEach(() => {
  stopWriting("c1");
  stopWriting("c2");
  vi.runAllTimers();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function hear(values: Partial<Parameters<typeof hearWriting>[0]> = {}) {
  hearWriting({ conversationId: "c1", userId: "ana", name: "Ana", on: true, ...values }, "bea");
}

describe("a colleague who writes", () => {
  it("is shown until she stops", () => {
    hear();
    hear({ userId: "caio", name: "Caio" });
    expect(writers.get().c1?.map((one) => one.name)).toEqual(["Ana", "Caio"]);
    hear({ on: false });
    expect(writers.get().c1?.map((one) => one.name)).toEqual(["Caio"]);
  });

  it("is forgotten when nothing more is told, and not before", () => {
    hear();
    vi.advanceTimersByTime(HOLDS - 1);
    hear();
    vi.advanceTimersByTime(HOLDS - 1);
    expect(writers.get().c1).toHaveLength(1);
    vi.advanceTimersByTime(1);
    expect(writers.get()).toEqual({});
  });

  it("is never oneself in another tab", () => {
    hear({ userId: "bea", name: "Bea" });
    expect(writers.get()).toEqual({});
  });
});

describe("what is told of one's own writing", () => {
  const flush = () => vi.advanceTimersByTimeAsync(0);

  it("is told every three seconds at most, and its end once", async () => {
    writing("c1");
    writing("c1");
    vi.advanceTimersByTime(2_900);
    writing("c1");
    vi.advanceTimersByTime(200);
    writing("c1");
    stopWriting("c1");
    stopWriting("c1");
    await flush();
    expect(fetched.map((one) => one.on)).toEqual([true, true, false]);
  });

  it("ends in one conversation when it begins in another", async () => {
    writing("c1");
    writing("c2");
    await flush();
    expect(fetched.map(({ url, on }) => [url.split("/")[3], on])).toEqual([
      ["c1", true],
      ["c1", false],
      ["c2", true],
    ]);
  });

  it("needs no end when its time is over", async () => {
    writing("c1");
    vi.advanceTimersByTime(HOLDS);
    stopWriting("c1");
    await flush();
    expect(fetched).toHaveLength(1);
  });
});
