/**
 * Where a file is read from when the token of a login stays in memory: pictures and players send no header, so each is
 * given a link that carries its own permission, for some minutes.
 */
import { useQuery, type Query } from "@tanstack/react-query";
import { get } from "../api/client";
import { queryClient } from "../api/queries";
import { currentToken } from "../api/token";
import type { Message } from "../api/types";
import { address } from "../base";
import { mediaUrl } from "./media";

type Kind = "file" | "preview" | "download";

interface Link {
  url: string;
  expiresAt: string;
}

/** A link is not begun with in its last seconds. */
const MARGIN = 20_000;

function linkOptions(messageId: string, preview: boolean) {
  return {
    queryKey: ["media-link", messageId, preview] as const,
    queryFn: async (): Promise<Link> => {
      const link = await get<Link>(`/api/media/${encodeURIComponent(messageId)}/link${preview ? "?preview=true" : ""}`);
      // The gateway may know itself by another name than this page does.
      const token = new URL(link.url, location.origin).pathname.split("/").pop() ?? "";
      return { url: address(`/api/media/signed/${token}`), expiresAt: link.expiresAt };
    },
    staleTime: ({ state }: Pick<Query<Link>, "state">) =>
      Math.max(0, Date.parse(state.data?.expiresAt ?? "") - state.dataUpdatedAt - MARGIN || 0),
  };
}

function needsLink(message: Message): boolean {
  return currentToken() !== null && message.media?.state === "ready";
}

function ofKind(url: string, kind: Kind): string {
  return kind === "download" ? `${url}?download=true` : url;
}

/** Returns where to read a file now, asked for when somebody wants it; null when it cannot be read here. */
export function mediaSource(message: Message, kind: Kind = "file"): string | Promise<string> | null {
  if (!needsLink(message)) return mediaUrl(message, kind);
  const preview = kind === "preview" && message.media?.preview === true;
  return queryClient.fetchQuery(linkOptions(message.id, preview)).then((link) => ofKind(link.url, kind));
}

interface Source {
  /** Null while it is asked for, and where the file cannot be read. */
  url: string | null;
  failed: boolean;
  again: () => void;
}

/** Returns where a picture or film that is shown is read from. */
export function useMediaSource(message: Message, kind: "file" | "preview" = "file"): Source {
  const linked = needsLink(message);
  const preview = kind === "preview" && message.media?.preview === true;
  const link = useQuery({ ...linkOptions(message.id, preview), enabled: linked, retry: false });
  if (!linked) {
    const url = mediaUrl(message, kind);
    return { url, failed: url === null, again: () => undefined };
  }
  return { url: link.data?.url ?? null, failed: link.isError, again: () => void link.refetch() };
}
