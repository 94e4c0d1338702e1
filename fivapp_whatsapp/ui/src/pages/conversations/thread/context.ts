import { createContext, use } from "react";
import type { Message } from "../../../api/types";

/** What a message may ask of the thread that it stands in. */
export interface ThreadActions {
  title: string;
  isGroup: boolean;
  /** The contact's number as it is read; empty where there is none. */
  number: string;
  /** Whether the connection service can quote. */
  canQuote: boolean;
  quote(message: Message): void;
  /** Puts a text that was not sent into the field, behind what is being written; a note stays one. */
  edit(text: string, note?: boolean): void;
  /** Quotes a message whose file is gone, with a text that asks for it. */
  askAgain(message: Message, text: string): void;
  showDetails(message: Message): void;
  showImage(messageId: string): void;
}

export const ThreadContext = createContext<ThreadActions | null>(null);

export function useThreadActions(): ThreadActions {
  const actions = use(ThreadContext);
  if (actions === null) throw new Error("there is no thread above");
  return actions;
}
