import { api, ask } from "../api/client";
import { Problem, problemOf } from "../api/problem";
import type { Message } from "../api/types";
import { newKey } from "../lib/ids";
import * as outgoing from "./outgoing";

/** What becomes of a message that the gateway has stored. */
export type OnStored = (message: Message) => void;

const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 15_000;

/** Sends local messages: one after the other in a conversation, again with the same key where the network failed. */
export class Sender {
  private readonly chains = new Map<string, Promise<void>>();
  private wake: (() => void) | null = null;
  private readonly onStored: OnStored;
  private stopped = false;

  constructor(onStored: OnStored) {
    this.onStored = onStored;
  }

  /** Shows a message at once and sends it. */
  send(what: Omit<outgoing.Local, "key" | "at" | "state">): string {
    const key = newKey();
    outgoing.add({ ...what, key, at: new Date().toISOString(), state: "sending" });
    this.enqueue(what.conversationId, key);
    return key;
  }

  /** Sends again what was there before a reload, or what has failed without being stored. */
  again(key: string): void {
    const local = outgoing.get(key);
    if (local === undefined) return;
    outgoing.mark(key, "sending");
    this.enqueue(local.conversationId, key);
  }

  /** The network is back: what waits for it tries at once. */
  readonly hurry = (): void => this.wake?.();

  stop(): void {
    this.stopped = true;
    this.wake?.();
  }

  private enqueue(conversationId: string, key: string): void {
    const before = this.chains.get(conversationId) ?? Promise.resolve();
    const chain = before.then(() => this.deliver(key));
    this.chains.set(conversationId, chain);
    void chain.then(() => {
      if (this.chains.get(conversationId) === chain) this.chains.delete(conversationId);
    });
  }

  private async deliver(key: string): Promise<void> {
    for (let tries = 0; !this.stopped; tries += 1) {
      const local = outgoing.get(key);
      // Gone: a frame told of it, or it was discarded.
      if (local === undefined && tries > 0) return;
      if (local === undefined) return;
      try {
        this.stored(key, await post(local));
        return;
      } catch (error) {
        const problem = problemOf(error);
        if (problem.messageObject !== undefined) {
          this.stored(key, problem.messageObject);
          return;
        }
        if (!problem.passing) {
          outgoing.mark(key, "failed", problem);
          return;
        }
        outgoing.mark(key, "waiting", problem);
        await this.pause(tries);
        if (outgoing.get(key) !== undefined) outgoing.mark(key, "sending");
      }
    }
  }

  private stored(key: string, message: Message): void {
    this.onStored(message);
    outgoing.remove(key);
  }

  private pause(tries: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** tries));
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

async function post(local: outgoing.Local): Promise<Message> {
  const params = { path: { conversationId: local.conversationId }, header: { "Idempotency-Key": local.key } };
  if (local.kind === "note") {
    const body = { text: local.text };
    return ask(api.POST("/api/conversations/{conversationId}/notes", { params, body }));
  }
  const sending = await ask(
    api.POST("/api/conversations/{conversationId}/send-message", {
      params,
      body: {
        ...(local.text === "" ? {} : { text: local.text }),
        ...(local.media == null ? {} : { media: local.media }),
        ...(local.quoted === null ? {} : { quotedMessageId: local.quoted.id }),
      },
    }),
  );
  if (sending === undefined) throw new Problem(500);
  return sending.message;
}
