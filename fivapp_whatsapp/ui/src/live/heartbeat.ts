/** How long a connection may be silent before it is asked whether it lives, and how long it may take to answer. */
export const SILENT = 45_000;
export const ANSWER = 5_000;

/**
 * Notices a connection that is dead but open: a browser cannot see the pings of the protocol, and a laptop that slept or
 * a router that went away closes nothing.
 */
export class Heartbeat {
  private readonly ask: () => void;
  private readonly dead: () => void;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked = false;

  constructor(ask: () => void, dead: () => void) {
    this.ask = ask;
    this.dead = dead;
  }

  /** Something was heard: it lives. */
  heard(): void {
    this.asked = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(this.doubt, SILENT);
  }

  /** Asks at once, unless it was asked already. */
  readonly doubt = (): void => {
    if (this.asked) return;
    this.asked = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(this.dead, ANSWER);
    this.ask();
  };

  stop(): void {
    this.asked = false;
    clearTimeout(this.timer);
  }
}
