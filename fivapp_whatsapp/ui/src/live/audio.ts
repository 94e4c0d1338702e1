import { read, write } from "../lib/storage";
import { watched } from "../lib/external";

export interface Playing {
  id: string;
  running: boolean;
  position: number;
  duration: number | null;
}

const SPEEDS = [1, 1.5, 2] as const;
const STORED = "fivapp.speed";

/** What plays now, of all conversations. */
export const playing = watched<Playing | null>(null);
export const speed = watched<number>(SPEEDS.find((one) => String(one) === read(STORED)) ?? 1);

let element: HTMLAudioElement | null = null;

export function nextSpeed(now: number): number {
  return SPEEDS[(SPEEDS.findIndex((one) => one === now) + 1) % SPEEDS.length] ?? 1;
}

export function setSpeed(next: number): void {
  write(STORED, String(next));
  speed.set(next);
  if (element !== null) element.playbackRate = next;
}

function show(id: string): void {
  if (element === null) return;
  const { paused, currentTime, duration } = element;
  playing.set({ id, running: !paused, position: currentTime, duration: Number.isFinite(duration) ? duration : null });
}

function load(id: string, url: string): HTMLAudioElement {
  const now = playing.get();
  if (element !== null && now?.id === id) return element;
  element?.pause();
  element = new Audio(url);
  element.playbackRate = speed.get();
  for (const name of ["play", "pause", "timeupdate", "durationchange"] as const)
    element.addEventListener(name, () => playing.get()?.id === id && show(id));
  element.addEventListener("ended", () => playNext(id));
  playing.set({ id, running: false, position: 0, duration: null });
  return element;
}

export function toggle(id: string, url: string): void {
  const audio = load(id, url);
  if (audio.paused) void audio.play().catch(() => show(id));
  else audio.pause();
}

export function seek(id: string, url: string, position: number): void {
  load(id, url).currentTime = position;
  show(id);
}

/** Returns the voice note that follows one, set by the thread that is open. */
export const following = watched<(id: string) => { id: string; url: string } | null>(() => null);

function playNext(id: string): void {
  const next = following.get()(id);
  if (next === null) playing.set(null);
  else toggle(next.id, next.url);
}
