import { beforeEach, expect, it, vi } from "vitest";
import { following, nextSpeed, playing, seek, setSpeed, speed, toggle, unplayable } from "./audio";

class Player extends EventTarget {
  static made: Player[] = [];
  src = "";
  paused = true;
  currentTime = 0;
  duration = 10;
  playbackRate = 1;
  error: object | null = null;

  constructor() {
    super();
    Player.made.push(this);
  }

  play(): Promise<void> {
    this.paused = false;
    this.dispatchEvent(new Event("play"));
    return Promise.resolve();
  }

  pause(): void {
    this.paused = true;
    this.dispatchEvent(new Event("pause"));
  }
}

vi.stubGlobal("Audio", Player);

beforeEach(() => {
  Player.made = [];
  following.set(() => () => null);
});

const last = () => Player.made.at(-1) as Player;

it("one recording plays at a time, and a second click stops it where it is", async () => {
  toggle("a", () => "/a");
  await vi.waitFor(() => expect(playing.get()).toMatchObject({ id: "a", running: true }));
  const first = last();
  toggle("b", () => "/b");
  await vi.waitFor(() => expect(playing.get()).toMatchObject({ id: "b", running: true }));
  expect([first.paused, last().paused, last().src]).toEqual([true, false, "/b"]);
  last().currentTime = 4;
  toggle("b", () => "/b");
  expect(playing.get()).toMatchObject({ id: "b", running: false, position: 4, duration: 10 });
  seek("b", () => "/b", 7);
  expect(playing.get()?.position).toBe(7);
});

it("the speed goes round, holds for all recordings, and is remembered", () => {
  expect([1, 1.5, 2].map(nextSpeed)).toEqual([1.5, 2, 1]);
  toggle("c", () => "/c");
  setSpeed(1.5);
  expect(last().playbackRate).toBe(1.5);
  toggle("d", () => "/d");
  expect(last().playbackRate).toBe(1.5);
  expect(speed.get()).toBe(1.5);
  expect(localStorage.getItem("fivapp.speed")).toBe("1.5");
});

it("the next voice note follows, and after the last one nothing plays", async () => {
  following.set(() => (id: string) => (id === "e" ? { id: "f", source: () => Promise.resolve("/f") } : null));
  toggle("e", () => "/e");
  last().dispatchEvent(new Event("ended"));
  await vi.waitFor(() => expect(playing.get()).toMatchObject({ id: "f", running: true }));
  expect(last().src).toBe("/f");
  last().dispatchEvent(new Event("ended"));
  expect(playing.get()).toBeNull();
});

it("what could not be played is known until it is asked for anew", async () => {
  toggle("g", () => Promise.reject(new Error("no link")));
  await vi.waitFor(() => expect(unplayable.get()).toBe("g"));
  seek("h", () => Promise.reject(new Error("no link")), 3);
  await vi.waitFor(() => expect(unplayable.get()).toBe("h"));
  toggle("h", () => "/h");
  await vi.waitFor(() => expect(playing.get()).toMatchObject({ id: "h", running: true }));
  expect(unplayable.get()).toBeNull();
  // It breaks off in the middle.
  last().error = { code: 2 };
  last().dispatchEvent(new Event("error"));
  expect([unplayable.get(), playing.get()?.running]).toEqual(["h", false]);
});
