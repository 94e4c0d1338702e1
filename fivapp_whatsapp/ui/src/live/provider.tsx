import { useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useMemo, type ReactNode } from "react";
import { api, ask, whenOffline } from "../api/client";
import { keys } from "../api/keys";
import type { Me } from "../api/types";
import { socketAddress } from "../base";
import { watched } from "../lib/external";
import { looking } from "../notifications/looking";
import { applyFrame, recent, refreshOlderThan, showMessage } from "./news";
import type { EventFrame } from "./frames";
import * as outgoing from "./outgoing";
import { keepOutgoing } from "./kept";
import { Sender } from "./sender";
import { LiveSocket, type Cursor, type SocketState } from "./socket";
import { hearWriting } from "./typing";

interface Live {
  me: Me;
  sender: Sender;
}

/** How the connection is; `missed` counts the messages that came while it was away, at the last time that it came back. */
export interface Connection {
  state: SocketState;
  /** Since when it is not live, in ms since 1970; null while it is. */
  downSince: number | null;
  missed: number;
  /** When it came back the last time; null when it never was away. */
  backAt: number | null;
}

export const connection = watched<Connection>({ state: "connecting", downSince: null, missed: 0, backAt: null });

type Listener = (frame: EventFrame) => void;
const listeners = new Set<Listener>();

/** Calls a listener with every frame, after it was applied. */
export function listenToFrames(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

async function ticketAddress(cursor: Cursor | null): Promise<string> {
  const { ticket } = await ask(api.POST("/api/ws-tickets"));
  const query = new URLSearchParams({ ticket });
  if (cursor !== null) {
    query.set("after", String(cursor.seq));
    if (cursor.epoch !== "") query.set("epoch", cursor.epoch);
  }
  return `${socketAddress("/api/ws")}?${query}`;
}

function showState(state: SocketState): void {
  connection.set((before) => {
    if (state === "live") return before;
    const downSince = before.downSince ?? Date.now();
    return before.state === state && before.downSince === downSince ? before : { ...before, state, downSince };
  });
}

function showLive(missed: number): void {
  connection.set((before) => {
    const away = before.state !== "connecting" || before.backAt !== null;
    return { state: "live", downSince: null, missed, backAt: away ? Date.now() : before.backAt };
  });
}

const LiveContext = createContext<Live | null>(null);

/** Keeps the pages live for a user: the socket, and the sender of messages. */
export function LiveProvider({ me, children }: { me: Me; children: ReactNode }) {
  const client = useQueryClient();
  const sender = useMemo(() => new Sender((message) => showMessage(client, message)), [client]);

  useEffect(() => keepOutgoing(me, sender), [me, sender]);

  useEffect(() => {
    const socket = new LiveSocket({
      open: ticketAddress,
      onState: showState,
      onBegin: (seq) => {
        recent.begin(seq);
        refreshOlderThan(client, seq);
        // What was read before and carries no seq: what became of it meanwhile was told to nobody.
        for (const queryKey of [keys.sessions, keys.conversations]) void client.invalidateQueries({ queryKey });
      },
      onEvent: (frame) => {
        if (frame.type === "message.created") outgoing.remove(frame.data.idempotencyKey ?? "");
        applyFrame(client, frame, me.id);
        for (const listener of listeners) listener(frame);
      },
      onResync: () => {
        for (const queryKey of [keys.lists, keys.threads, keys.sessions, keys.conversations])
          void client.invalidateQueries({ queryKey });
      },
      onWriting: (writing) => hearWriting(writing, me.id),
      onLive: (missed) => {
        showLive(missed);
        sender.hurry();
      },
    });
    const show = () => socket.show(looking.get());
    const forget = looking.subscribe(show);
    show();
    whenOffline(socket.doubt);
    socket.start();
    return () => {
      forget();
      socket.stop();
    };
  }, [client, me.id, sender]);

  const live = useMemo(() => ({ me, sender }), [me, sender]);
  return <LiveContext value={live}>{children}</LiveContext>;
}

export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === null) throw new Error("there is no LiveProvider above");
  return live;
}
