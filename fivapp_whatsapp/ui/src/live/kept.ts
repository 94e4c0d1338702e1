/** What is on its way survives a reload: it is sent again with its key, which sends once. */
import type { Me } from "../api/types";
import { followKeys, keysFrom, readJson, userPrefix, write } from "../lib/storage";
import * as outgoing from "./outgoing";
import type { Sender } from "./sender";

/** Takes up what an earlier page left, and keeps what this one has; returns how to stop. */
export function keepOutgoing(me: Me, sender: Sender): () => void {
  // Each has a key of its own, so that two tabs write over nothing of each other.
  const prefix = userPrefix("outgoing", me);
  let written = new Map<string, outgoing.Local>();
  const read = (key: string) => readJson<outgoing.Local | null>(prefix + key, null);
  const left = keysFrom(prefix).flatMap((key) => read(key.slice(prefix.length)) ?? []);
  left.sort((a, b) => a.at.localeCompare(b.at));
  outgoing.locals.set((all) => [...left.filter((one) => !all.some((other) => other.key === one.key)), ...all]);
  for (const local of left) if (local.state !== "failed") sender.again(local.key);

  function keep() {
    const now = new Map(outgoing.locals.get().map((one) => [one.key, one]));
    for (const [key, one] of now) if (written.get(key) !== one) write(prefix + key, JSON.stringify(one));
    for (const key of written.keys()) if (!now.has(key)) write(prefix + key, null);
    written = now;
  }
  keep();
  const stop = outgoing.locals.subscribe(keep);
  // Sent or discarded in another tab, it is gone here too.
  const stopFollowing = followKeys(prefix, (key) => {
    if (read(key) === null) outgoing.remove(key);
  });
  return () => {
    stop();
    stopFollowing();
  };
}
