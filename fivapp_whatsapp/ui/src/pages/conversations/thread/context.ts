import { createContext, use } from "react";
import type { Message } from "../../../api/types";

/** What a message may ask of the thread that it stands in. */
export interface ThreadActions {
  title: string;
  isGroup: boolean;
  quote(message: Message): void;
  /** Puts a text that was not sent into the field, behind what is being written. */
  edit(text: string): void;
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
