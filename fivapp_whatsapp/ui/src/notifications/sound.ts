import { watched } from "../lib/external";
import { read, write } from "../lib/storage";

const STORED = "fivapp.sound";
/** Several that come at once, as after a time without network, are one sound. */
const PAUSE = 2_000;
const TONES = [
  [0, 660],
  [0.12, 880],
] as const;

/** Whether a message that comes in is heard, in this browser. */
export const sound = watched(read(STORED) === "on");

export function setSound(on: boolean): void {
  write(STORED, on ? "on" : null);
  sound.set(on);
  if (on) ring();
}

let last = -Infinity;

/** Tells whether this tab may make a sound: browsers allow it once somebody has clicked or typed in it. */
export function mayRing(): boolean {
  return typeof AudioContext !== "undefined" && (navigator.userActivation?.hasBeenActive ?? true);
}

/** Plays two short, soft tones. */
export function ring(now: number = performance.now()): void {
  if (!mayRing() || now - last < PAUSE) return;
  last = now;
  const audio = new AudioContext();
  for (const [delay, pitch] of TONES) play(audio, audio.currentTime + delay, pitch);
  // An open one would keep the tab awake.
  setTimeout(() => void audio.close(), 1_000);
}

function play(audio: AudioContext, start: number, pitch: number): void {
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  tone.frequency.value = pitch;
  volume.gain.setValueAtTime(0, start);
  volume.gain.linearRampToValueAtTime(0.12, start + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.001, start + 0.25);
  tone.connect(volume).connect(audio.destination);
  tone.start(start);
  tone.stop(start + 0.3);
}
