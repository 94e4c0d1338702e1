import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { created, message, mine, updated } from "../testing/make";
import type { EventFrame } from "./frames";
import { ANSWER, SILENT } from "./heartbeat";
import { LiveSocket, type Cursor, type SocketState } from "./socket";
import type { Writing } from "./typing";

class FakeSocket {
  static all: FakeSocket[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  closed = false;
  readyState = 0;
  readonly told: unknown[] = [];
  readonly url: string;

  constructor(url: string) {
    this.url = url;
    FakeSocket.all.push(this);
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    this.readyState = 3;
    this.onclose?.();
  }

  send(text: string) {
    this.told.push(JSON.parse(text));
  }

  say(frame: unknown) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  begin(seq: number, epoch = "e1") {
    this.readyState = 1;
    this.onopen?.();
    this.say({ type: "hello", data: { epoch, seq } });
    this.say({ type: "live", data: { seq } });
  }
}

const heard: EventFrame[] = [];
const states: SocketState[] = [];
const cursors: (Cursor | null)[] = [];
const begins: number[] = [];
const writings: Writing[] = [];
let missed: number[] = [];
let resyncs = 0;
let socket: LiveSocket;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", FakeSocket);
  for (const all of [heard, states, cursors, begins, writings, FakeSocket.all]) all.length = 0;
  missed = [];
  resyncs = 0;
  socket = new LiveSocket({
    open: (cursor) => {
      cursors.push(cursor);
      return Promise.resolve("ws://gateway.test/api/ws");
    },
    onState: (state) => states.push(state),
    onBegin: (seq) => begins.push(seq),
    onEvent: (frame) => heard.push(frame),
    onResync: () => (resyncs += 1),
    onWriting: (writing) => writings.push(writing),
    onLive: (count) => missed.push(count),
  });
});

afterEach(() => {
  socket.stop();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function open(): Promise<FakeSocket> {
  await vi.advanceTimersByTimeAsync(20_000);
  return FakeSocket.all[FakeSocket.all.length - 1] as FakeSocket;
}

async function started(): Promise<FakeSocket> {
  socket.start();
  await vi.advanceTimersByTimeAsync(0);
  return FakeSocket.all[0] as FakeSocket;
}

it("begins at the head of the log and passes on what comes", async () => {
  const first = await started();
  first.begin(41);
  first.say(created(42, message()));
  expect(begins).toEqual([41]);
  expect(heard.map((frame) => frame.seq)).toEqual([42]);
  expect(states[states.length - 1]).toBe("live");
});

it("comes back with its cursor, and counts the messages of customers that it had missed", async () => {
  (await started()).begin(41);
  FakeSocket.all[0]?.say(created(42, message()));
  FakeSocket.all[0]?.close();
  const second = await open();
  expect(cursors[1]).toEqual({ seq: 42, epoch: "e1" });
  second.onopen?.();
  second.say({ type: "hello", data: { epoch: "e1", seq: 44 } });
  second.say(created(43, message()));
  second.say(created(44, message()));
  second.say(updated(45, mine({ status: "read" })));
  second.say(created(46, mine()));
  second.say({ type: "live", data: { seq: 46 } });
  expect(missed).toEqual([0, 2]);
  expect(heard.map((frame) => frame.seq)).toEqual([42, 43, 44, 45, 46]);
});

it("passes nothing on twice", async () => {
  const first = await started();
  first.begin(41);
  const frame = created(42, message());
  first.say(frame);
  first.say(frame);
  expect(heard).toHaveLength(1);
});

it("reads everything again when its cursor is of no use", async () => {
  const first = await started();
  first.begin(41);
  first.say({ type: "resync_required", data: { reason: "retention", epoch: "e2", seq: 900 } });
  expect(resyncs).toBe(1);
  expect(socket.place).toEqual({ seq: 900, epoch: "e2" });
  expect(begins).toEqual([41, 900]);
});

it("drops its socket when the browser is offline, and opens one at once when it is back", async () => {
  const first = await started();
  first.begin(41);
  dispatchEvent(new Event("offline"));
  expect(first.closed).toBe(true);
  expect(states[states.length - 1]).toBe("waiting");
  dispatchEvent(new Event("online"));
  await vi.advanceTimersByTimeAsync(0);
  expect(FakeSocket.all).toHaveLength(2);
});

it("asks a connection that is silent whether it lives, and opens another one when it does not answer", async () => {
  const first = await started();
  first.begin(41);
  await vi.advanceTimersByTimeAsync(SILENT);
  expect(first.told).toContainEqual({ type: "ping" });
  first.say({ type: "pong" });
  await vi.advanceTimersByTimeAsync(ANSWER + 1_000);
  expect(first.closed).toBe(false);
  await vi.advanceTimersByTimeAsync(SILENT);
  expect(first.closed).toBe(true);
  expect(states).toContain("waiting");
  await vi.advanceTimersByTimeAsync(1_000);
  expect(FakeSocket.all).toHaveLength(2);
  expect(cursors[1]).toEqual({ seq: 41, epoch: "e1" });
});

it("asks at once when the page comes back into view or a request found no network", async () => {
  const first = await started();
  first.begin(41);
  document.dispatchEvent(new Event("visibilitychange"));
  socket.doubt();
  expect(first.told.filter((word) => (word as { type: string }).type === "ping")).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(ANSWER);
  expect(first.closed).toBe(true);
});

it("says nothing more once it is stopped", async () => {
  const first = await started();
  first.begin(41);
  socket.stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(FakeSocket.all).toHaveLength(1);
});

it("what is no frame is passed over", async () => {
  const first = await started();
  first.onmessage?.({ data: "no json" });
  first.onmessage?.({ data: "5" });
  first.begin(1);
  expect(states[states.length - 1]).toBe("live");
});

it("says whether somebody looks: at once on a new connection, and each change once it has settled", async () => {
  socket.show(true);
  socket.start();
  const first = await open();
  first.begin(5);
  expect(first.told).toEqual([{ type: "presence", visible: true }]);
  socket.show(false);
  socket.show(true);
  await vi.advanceTimersByTimeAsync(300);
  socket.show(false);
  await vi.advanceTimersByTimeAsync(300);
  expect(first.told.slice(1)).toEqual([{ type: "presence", visible: false }]);
  first.close();
  const second = await open();
  second.begin(5);
  // A new connection begins as not watched.
  expect(second.told).toEqual([]);
});

it("passes on who writes, and takes neither that nor a word it does not know for being live", async () => {
  const first = await started();
  first.onopen?.();
  first.say({ type: "hello", data: { epoch: "e1", seq: 1 } });
  const data = { conversationId: "c1", userId: "ana", name: "Ana", on: true };
  first.say({ type: "typing", data });
  first.say({ type: "weather", data: {} });
  expect(writings).toEqual([data]);
  expect(missed).toEqual([]);
  expect(socket.place?.seq).toBe(1);
});
