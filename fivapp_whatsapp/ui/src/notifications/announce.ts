/** Tells of a message that comes in while nobody looks at its conversation. */
import type { Conversation, Message } from "../api/types";
import { address } from "../base";
import { areShown } from "./advice";
import { lookedAt } from "./looking";
import { notices } from "./notices";
import { once } from "./once";
import { worker } from "./push";
import { mayRing, ring, sound } from "./sound";

/** What is heard of so late, after a time without network, is seen in the list. */
const FRESH = 10 * 60_000;
/** What is nothing to call somebody for. */
const QUIET: ReadonlySet<Message["kind"]> = new Set(["reaction", "system", "note", "unsupported"]);

/** Tells whether a message is one to call this user for. */
export function concerns(
  message: Message,
  conversation: Pick<Conversation, "assigneeId"> | undefined,
  userId: string,
  now: number,
): boolean {
  const others = conversation?.assigneeId != null && conversation.assigneeId !== userId;
  const fresh = now - new Date(message.at).getTime() < FRESH;
  return message.direction === "incoming" && !QUIET.has(message.kind) && fresh && !others;
}

/** Rings and shows a notification, each in one tab alone; where the gateway pushes, the notification is the push. */
export async function announce(message: Message, title: string): Promise<void> {
  const looked = await lookedAt();
  if (looked.has(message.conversationId)) return;
  if (sound.get() && mayRing()) await once("sound", message.id, () => ring());
  if (looked.size > 0 || !areShown(notices.get()) || notices.get().push === "on") return;
  await once("shown", message.id, () => show(title, message.conversationId, message.id));
}

/** Shows a notification from this page. The text of a message stays out of what others may read over a shoulder. */
export async function show(title: string, tag: string, messageId?: string): Promise<void> {
  const path = `/conversations${messageId === undefined ? "" : `/${tag}?message=${messageId}`}`;
  const options = { tag, icon: address("/assets/icon-192.png"), data: { path, at: Date.now() } };
  const registration = await worker().catch(() => null);
  // The worker sees to the click, also once this page is closed.
  if (registration !== null) await registration.showNotification(title, options);
}
