import type { EventFrame } from "./frames";

/** The last frames, so that an answer that was read before them can be brought up to them. */
export class Recent {
  private frames: EventFrame[] = [];
  private start: number | null = null;
  private readonly most: number;

  constructor(most = 300) {
    this.most = most;
  }

  /** From this seq on every frame will be added. */
  begin(seq: number): void {
    this.start = seq;
    this.frames = [];
  }

  add(frame: EventFrame): void {
    if (this.start === null) return;
    this.frames.push(frame);
    // Dropped in bulk: a shift for each would cost as much as all the rest.
    if (this.frames.length < this.most * 1.5) return;
    this.frames = this.frames.slice(-this.most);
    this.start = (this.frames[0]?.seq ?? this.start + 1) - 1;
  }

  /** The seq of the newest frame. */
  get head(): number {
    return this.frames.at(-1)?.seq ?? this.start ?? 0;
  }

  /** Returns the frames after a seq, oldest first; null when some of them are not known. */
  after(seq: number): readonly EventFrame[] | null {
    if (this.start === null) return [];
    if (seq < this.start) return null;
    return this.frames.filter((frame) => frame.seq > seq);
  }
}
