import type { Message } from "../../../api/types";

/** Where the thread ended when the first key of a text was pressed: the id of its last message, null where none was. */
export type Begun = { last: string | null };

/** Returns where a thread ends now. Oldest first. */
export function begun(messages: readonly Message[]): Begun {
  return { last: messages[messages.length - 1]?.id ?? null };
}

/**
 * Returns the newest answer of a colleague that was not there when somebody began to write. It goes by places in the
 * thread: the clocks of the browser and of the gateway may differ.
 */
export function answeredSince(messages: readonly Message[], { last }: Begun, userId: string): Message | undefined {
  const place = messages.findLastIndex((message) => message.id === last);
  return messages
    .slice(place + 1)
    .findLast(
      (message) =>
        message.direction === "outgoing" &&
        message.kind !== "note" &&
        message.kind !== "system" &&
        (message.author.kind === "agent" || message.author.kind === "phone") &&
        message.author.id !== userId,
    );
}
