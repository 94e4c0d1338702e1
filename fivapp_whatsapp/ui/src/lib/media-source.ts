/**
 * Where a file is read from when the token of a login stays in memory: pictures and players send no header, so each is
 * given a link that carries its own permission, for some minutes.
 */
import { useQuery, type Query } from "@tanstack/react-query";
import { useState } from "react";
import { get } from "../api/client";
import { problemOf } from "../api/problem";
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

/** Why a file that should be there did not come: it is kept no longer, or it may come at another try. */
export type Lack = "expired" | "failed";

function lackBy(error: unknown): Lack {
  const { status } = problemOf(error);
  return status === 404 || status === 410 ? "expired" : "failed";
}

/** Finds out why a file did not come: a picture or a player is not told. Of what it does not keep the gateway knows nothing. */
export async function lackOf(message: Message): Promise<Lack> {
  if (message.media?.state !== "ready") return "failed";
  return get(`/api/media/${encodeURIComponent(message.id)}/facts`).then(() => "failed", lackBy);
}

interface Source {
  /** Null while it is asked for, and where the file cannot be read. */
  url: string | null;
  /** Null unless the file did not come; "looking" while it is found out why. */
  lack: Lack | "looking" | null;
  /** To be called when what is read at `url` is no file. */
  onError: () => void;
  again: () => void;
}

/** Returns where a picture or film that is shown is read from, and what became of it. */
export function useMediaSource(message: Message, kind: "file" | "preview" = "file"): Source {
  // What was found is of the file as its message told of it then.
  const [found, setFound] = useState<{ of: Message["media"]; lack: Source["lack"] } | null>(null);
  const lack = found?.of === message.media ? (found?.lack ?? null) : null;
  const linked = needsLink(message);
  const preview = kind === "preview" && message.media?.preview === true;
  const link = useQuery({ ...linkOptions(message.id, preview), enabled: linked, retry: false });
  const onError = () => {
    setFound({ of: message.media, lack: "looking" });
    void lackOf(message).then((lack) => setFound({ of: message.media, lack }));
  };
  const again = () => {
    setFound(null);
    if (linked) void link.refetch();
  };
  if (!linked) return { url: mediaUrl(message, kind), lack, onError, again };
  return { url: link.data?.url ?? null, lack: lack ?? (link.isError ? lackBy(link.error) : null), onError, again };
}
