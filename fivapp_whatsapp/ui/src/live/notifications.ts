import { useWatched, watched } from "../lib/external";
import { read, write } from "../lib/storage";

const SHOWN = "fivapp.notifications";
const SOUND = "fivapp.sound";

const shown = watched(read(SHOWN) === "on" && permission() === "granted");
const sound = watched(read(SOUND) === "on");

function permission(): NotificationPermission {
  return typeof Notification === "undefined" ? "denied" : Notification.permission;
}

async function setShown(on: boolean): Promise<void> {
  if (on && permission() === "default") await Notification.requestPermission();
  const granted = on && permission() === "granted";
  write(SHOWN, granted ? "on" : null);
  shown.set(granted);
}

function setSound(on: boolean): void {
  write(SOUND, on ? "on" : null);
  sound.set(on);
}

export function useNotificationChoices() {
  return {
    shown: useWatched(shown),
    sound: useWatched(sound),
    setShown: (on: boolean) => void setShown(on),
    setSound,
  };
}

let audio: AudioContext | undefined;

/** Plays two short, soft tones. */
function ring(): void {
  audio ??= new AudioContext();
  const start = audio.currentTime;
  for (const [delay, pitch] of [
    [0, 660],
    [0.12, 880],
  ] as const) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0, start + delay);
    volume.gain.linearRampToValueAtTime(0.12, start + delay + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, start + delay + 0.25);
    tone.connect(volume).connect(audio.destination);
    tone.start(start + delay);
    tone.stop(start + delay + 0.3);
  }
}

/**
 * Tells of a message that came in while nobody looked: once, in whichever tab takes the lock first. Two tabs hear of it
 * at the same time; the one that is late finds its id told already.
 */
export function announce(messageId: string, title: string, open: () => void): void {
  if (!shown.get() && !sound.get()) return;
  const act = () => {
    const told = read("fivapp.told");
    if (told === messageId) return;
    write("fivapp.told", messageId);
    if (sound.get()) ring();
    if (!shown.get()) return;
    // The text of a message stays out of what others may read over a shoulder.
    const notification = new Notification(title, { tag: "fivapp" });
    notification.onclick = () => {
      window.focus();
      open();
      notification.close();
    };
  };
  if (navigator.locks === undefined) act();
  else void navigator.locks.request("fivapp.announce", act);
}
