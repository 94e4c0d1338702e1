import { Heartbeat } from "./heartbeat";
import { isEvent, isIncoming, readFrame, type EventFrame } from "./frames";
import type { Writing } from "./typing";

export type SocketState = "connecting" | "live" | "waiting" | "closed";

export interface SocketPorts {
  /** Returns the address of a new socket, with its ticket; `cursor` is where to resume. */
  open(cursor: Cursor | null): Promise<string>;
  onState(state: SocketState): void;
  onEvent(frame: EventFrame): void;
  /** From this seq on every event will be told. */
  onBegin(seq: number): void;
  /** What was missed cannot be told any more: everything is to be read again. */
  onResync(): void;
  /** A colleague writes, or no longer does. */
  onWriting(writing: Writing): void;
  /** What was missed has been told; `missed` is how many messages of customers that were. */
  onLive(missed: number): void;
}

export interface Cursor {
  seq: number;
  epoch: string;
}

const FIRST_PAUSE = 400;
const LONGEST_PAUSE = 15_000;
const OPEN_SECONDS = 10_000;
const OPEN = 1;
/** A window that gains and loses the focus in one moment is one change. */
const SETTLE = 250;

/** Keeps a WebSocket open, and resumes where it was: no event is missed, none is told twice. */
export class LiveSocket {
  private readonly ports: SocketPorts;
  private socket: WebSocket | null = null;
  private cursor: Cursor | null = null;
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stopped = true;
  private attempt = 0;
  private missed = 0;
  private replaying = true;
  private seen = false;
  private seenTold = false;
  private seenTimer: ReturnType<typeof setTimeout> | undefined;

  private readonly heartbeat = new Heartbeat(
    () => this.socket?.send('{"type":"ping"}'),
    () => this.cut(),
  );

  constructor(ports: SocketPorts) {
    this.ports = ports;
  }

  get place(): Cursor | null {
    return this.cursor;
  }

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    addEventListener("online", this.hurry);
    addEventListener("offline", this.cut);
    document.addEventListener("visibilitychange", this.hurryWhenSeen);
    void this.connect();
  }

  stop(): void {
    this.stopped = true;
    removeEventListener("online", this.hurry);
    removeEventListener("offline", this.cut);
    document.removeEventListener("visibilitychange", this.hurryWhenSeen);
    clearTimeout(this.timer);
    clearTimeout(this.seenTimer);
    this.drop();
    this.ports.onState("closed");
  }

  /** Says whether somebody looks at the page: who does is pushed nothing. */
  show(seen: boolean): void {
    this.seen = seen;
    clearTimeout(this.seenTimer);
    this.seenTimer = setTimeout(this.tell, SETTLE);
  }

  private readonly tell = (): void => {
    if (this.socket?.readyState !== OPEN || this.seen === this.seenTold) return;
    this.seenTold = this.seen;
    this.socket.send(JSON.stringify({ type: "presence", visible: this.seen }));
  };

  /** Tries at once, where it would wait for its next try; a connection that is open is asked whether it lives. */
  readonly hurry = (): void => {
    if (this.stopped) return;
    if (this.socket !== null) return this.doubt();
    clearTimeout(this.timer);
    this.failures = 0;
    void this.connect();
  };

  /** Asks whether a connection that looks open lives: after a sleep, or on another network, it may be dead. */
  readonly doubt = (): void => {
    if (this.socket?.readyState === OPEN) this.heartbeat.doubt();
  };

  private readonly hurryWhenSeen = (): void => {
    if (document.visibilityState === "visible") this.hurry();
  };

  /** The browser says that it is offline, or nobody answers: a socket that still looks open says nothing any more. */
  private readonly cut = (): void => {
    if (this.stopped) return;
    this.drop();
    this.later();
  };

  private async connect(): Promise<void> {
    const attempt = ++this.attempt;
    this.ports.onState("connecting");
    let address: string;
    try {
      address = await this.ports.open(this.cursor);
    } catch {
      if (attempt === this.attempt) this.later();
      return;
    }
    if (attempt !== this.attempt || this.stopped) return;
    this.listen(new WebSocket(address));
  }

  private listen(socket: WebSocket): void {
    this.socket = socket;
    this.missed = 0;
    this.replaying = true;
    const tooLong = setTimeout(() => socket.close(), OPEN_SECONDS);
    socket.onopen = () => {
      clearTimeout(tooLong);
      if (this.socket !== socket) return;
      this.seenTold = false;
      this.tell();
    };
    socket.onmessage = (event) => {
      if (this.socket !== socket) return;
      this.heartbeat.heard();
      this.take(event.data);
    };
    socket.onclose = () => {
      clearTimeout(tooLong);
      if (this.socket !== socket) return;
      this.heartbeat.stop();
      this.socket = null;
      this.later();
    };
  }

  private take(text: unknown): void {
    const frame = readFrame(text);
    if (frame === null) return;
    if (isEvent(frame)) {
      if (this.cursor !== null && frame.seq <= this.cursor.seq) return;
      this.cursor = { seq: frame.seq, epoch: this.cursor?.epoch ?? "" };
      if (this.replaying && isIncoming(frame)) this.missed += 1;
      this.ports.onEvent(frame);
    } else if (frame.type === "hello") {
      if (this.cursor === null) this.ports.onBegin(frame.data.seq);
      this.cursor = this.cursor === null ? frame.data : { ...this.cursor, epoch: frame.data.epoch };
    } else if (frame.type === "resync_required") {
      this.cursor = { seq: frame.data.seq, epoch: frame.data.epoch };
      this.ports.onBegin(frame.data.seq);
      this.ports.onResync();
    } else if (frame.type === "typing") {
      this.ports.onWriting(frame.data);
    } else if (frame.type === "live") {
      this.replaying = false;
      this.failures = 0;
      this.ports.onState("live");
      this.ports.onLive(this.missed);
    }
  }

  private drop(): void {
    this.attempt += 1;
    this.heartbeat.stop();
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  private later(): void {
    if (this.stopped) return;
    this.ports.onState("waiting");
    clearTimeout(this.timer);
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.failures);
    this.failures += 1;
    this.timer = setTimeout(() => void this.connect(), pause * (0.75 + Math.random() / 2));
  }
}
