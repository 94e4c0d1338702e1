/** A talk with the bots that sends nothing: its turns, and what they remember between them. */
import type { Choice, Tried } from "../../api/types";

export interface Turn {
  id: string;
  text: string;
  /** Absent while the bots are asked. */
  tried?: Tried;
  /** A sentence, when they could not be asked. */
  problem?: string;
}

/** Returns the memory that the next turn goes on from: what the last answered one gave. */
export function memoryOf(turns: readonly Turn[]): Tried["memory"] | null {
  return turns.findLast((turn) => turn.tried !== undefined)?.tried?.memory ?? null;
}

/** Returns an answer's choices, each with what it is called and what choosing it says. */
export function choicesOf(choices: readonly (Choice | string)[] | undefined): { id: string; title: string }[] {
  return (choices ?? []).map((one) => (typeof one === "string" ? { id: one, title: one } : one));
}

/** Returns the facts of an effect beside what it is and whose: as short JSON. */
export function factsOf(effect: Readonly<Record<string, unknown>>): string {
  const { what: _, plugin: __, conversationId: ___, ...facts } = effect;
  return Object.keys(facts).length === 0 ? "" : JSON.stringify(facts);
}
