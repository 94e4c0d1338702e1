import type { Message } from "../api/types";
import { address } from "../base";

/**
 * Returns where a message's file can be read: from the gateway where it keeps files, else from the connection service;
 * null when it cannot be read here.
 */
export function mediaUrl(message: Message, kind: "file" | "preview" | "download" = "file"): string | null {
  const media = message.media;
  if (media == null) return null;
  if (media.state != null) {
    if (media.state !== "ready") return null;
    const query =
      kind === "file" ? "" : kind === "preview" ? (media.preview === true ? "?preview=true" : "") : "?download=true";
    return address(`/api/media/${encodeURIComponent(message.id)}${query}`);
  }
  return media.url != null && /^https?:\/\//i.test(media.url) ? media.url : null;
}

/** How large each kind of file may be, in bytes: what WhatsApp takes. */
export const LIMITS: Readonly<Record<"image" | "video" | "audio" | "document", number>> = {
  image: 5 * 1024 * 1024,
  video: 16 * 1024 * 1024,
  audio: 16 * 1024 * 1024,
  document: 64 * 1024 * 1024,
};

/** Returns as what a file is sent. */
export function kindOf(type: string): keyof typeof LIMITS {
  if (/^image\/(jpeg|png|webp|gif)$/.test(type)) return "image";
  if (/^video\//.test(type)) return "video";
  if (/^audio\//.test(type)) return "audio";
  return "document";
}

/** Returns the name of a file; a pasted screenshot gets one. */
export function nameOf(file: File, now: Date = new Date()): string {
  if (file.name !== "" && file.name !== "image.png") return file.name;
  const stamp = now.toISOString().slice(0, 19).replace(/[:T]/g, "-");
  const ending = file.type.split("/")[1]?.replace(/[^a-z0-9]/g, "") || "bin";
  return `imagem-${stamp}.${ending}`;
}

/** Returns the box that a picture gets before it is there: no row jumps when it comes. */
export function box(
  width: number | null | undefined,
  height: number | null | undefined,
): { width: number; height: number } {
  const most = { width: 320, height: 320 };
  if (!width || !height) return { width: 260, height: 195 };
  const scale = Math.min(1, most.width / width, most.height / height);
  return { width: Math.max(80, Math.round(width * scale)), height: Math.max(60, Math.round(height * scale)) };
}
