import type { Message } from "../api/types";
import type { Key, Translate } from "../i18n";

const NAMES: Partial<Record<Message["kind"], Key>> = {
  image: "message.photo",
  video: "message.video",
  audio: "message.audio",
  document: "message.document",
  sticker: "message.sticker",
  location: "message.location",
  contact: "message.contact",
  reaction: "message.reaction",
  poll: "message.poll",
  interactive: "message.interactive",
  template: "message.template",
  call: "message.call",
  unsupported: "message.unsupported",
};

/** Returns a message in one line: its kind where it is more than a text, and its text. */
export function preview(message: Message, t: Translate): string {
  const key = NAMES[message.kind];
  const kind = key === undefined ? "" : t(key);
  const text = (message.text ?? "").replace(/\s+/g, " ").trim();
  if (message.kind === "document" && message.media?.filename) return text || message.media.filename;
  if (kind === "") return text;
  return text === "" ? kind : `${kind}: ${text}`;
}

/** Returns the name to show for who wrote a message. */
export function authorName(message: Message, title: string, t: Translate): string {
  const { kind, name, id } = message.author;
  switch (kind) {
    case "contact":
      return name ?? title;
    case "plugin":
      return t("message.bot", { name: name ?? id ?? "" });
    case "phone":
      return t("message.fromPhone");
    case "api":
      return t("message.fromApi");
    default:
      return name ?? id ?? t("common.you");
  }
}
