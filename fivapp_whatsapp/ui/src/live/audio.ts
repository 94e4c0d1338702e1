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
/** The recording that could not be played when it was asked for last, if that was so. */
export const unplayable = watched<string | null>(null);
export const speed = watched<number>(SPEEDS.find((one) => String(one) === read(STORED)) ?? 1);

let element: HTMLAudioElement | null = null;
/** Ends when the element knows where to read; null where it knew at once. */
let coming: Promise<void> | null = null;

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

/** Returns where a recording is read from: at once, or once the gateway has said. */
export type Source = () => string | Promise<string>;

function load(id: string, source: Source): HTMLAudioElement {
  const now = playing.get();
  if (element !== null && now?.id === id) return element;
  element?.pause();
  const audio = new Audio();
  element = audio;
  unplayable.set(null);
  const found = source();
  if (typeof found === "string") audio.src = found;
  coming = typeof found === "string" ? null : found.then((url) => void (audio.src = url));
  coming?.catch(() => forget(audio, id));
  audio.playbackRate = speed.get();
  for (const name of ["play", "pause", "timeupdate", "durationchange"] as const)
    audio.addEventListener(name, () => playing.get()?.id === id && show(id));
  audio.addEventListener("ended", () => playNext(id));
  audio.addEventListener("error", () => forget(audio, id));
  playing.set({ id, running: false, position: 0, duration: null });
  return audio;
}

export function toggle(id: string, source: Source): void {
  const audio = load(id, source);
  if (!audio.paused) {
    audio.pause();
    return;
  }
  const play = () => (element === audio ? audio.play() : undefined);
  // Where it can be at once it is at once: browsers let a sound begin with a click, not long after.
  void Promise.resolve(coming === null ? play() : coming.then(play)).catch(() => forget(audio, id));
}

/** Lets go of what could not be played, so that the next click asks for it anew. */
function forget(audio: HTMLAudioElement, id: string): void {
  if (element !== audio) return;
  if (audio.error !== null || audio.src === "") {
    element = null;
    unplayable.set(id);
  }
  playing.set({ id, running: false, position: 0, duration: null });
}

export function seek(id: string, source: Source, position: number): void {
  load(id, source).currentTime = position;
  show(id);
}

/** Returns the voice note that follows one, set by the thread that is open. */
export const following = watched<(id: string) => { id: string; source: Source } | null>(() => null);

function playNext(id: string): void {
  const next = following.get()(id);
  if (next === null) playing.set(null);
  else toggle(next.id, next.source);
}
