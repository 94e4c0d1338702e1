import { watched } from "../../lib/external";

/** The dialog that opens a conversation with a number; null while it is closed. */
export const newConversation = watched<{ to: string } | null>(null);
