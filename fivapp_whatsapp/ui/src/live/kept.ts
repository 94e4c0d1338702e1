/** What is on its way survives a reload: it is sent again with its key, which sends once. */
import type { Me } from "../api/types";
import { readJson, write } from "../lib/storage";
import * as outgoing from "./outgoing";
import type { Sender } from "./sender";

const PREFIX = "fivapp.outgoing.";

function name(me: Me): string {
  return `${PREFIX}${me.tenantId}.${me.id}`;
}

/** Takes up what an earlier page left, and keeps what this one has; returns how to stop. */
export function keepOutgoing(me: Me, sender: Sender): () => void {
  const left = readJson<outgoing.Local[]>(name(me), []);
  outgoing.locals.set((all) => [...left.filter((one) => !all.some((other) => other.key === one.key)), ...all]);
  for (const local of left) if (local.state !== "failed") sender.again(local.key);
  return outgoing.locals.subscribe(() => {
    const all = outgoing.locals.get();
    write(name(me), all.length === 0 ? null : JSON.stringify(all));
  });
}
