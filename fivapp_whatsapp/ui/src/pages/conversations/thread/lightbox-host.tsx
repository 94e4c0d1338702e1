import { Suspense, useEffect, useMemo } from "react";
import { lazily } from "../../../lib/lazily";
import type { Message } from "../../../api/types";
import { mediaUrl } from "../../../lib/media";
import { mediaSource } from "../../../lib/media-source";
import { following } from "../../../live/audio";

const Lightbox = lazily(() => import("./lightbox"));

interface Props {
  messages: readonly Message[];
  shown: string | null;
  onShow: (messageId: string | null) => void;
}

/** Opens the pictures of a thread large; says which voice note follows which. */
export function LightboxHost({ messages, shown, onShow }: Props) {
  const pictures = useMemo(
    () => messages.filter((message) => message.kind === "image" && mediaUrl(message) !== null),
    [messages],
  );
  useEffect(() => {
    following.set(() => (id: string) => {
      const place = messages.findIndex((message) => message.id === id);
      const next = place < 0 ? undefined : messages[place + 1];
      if (next?.kind !== "audio" || mediaUrl(next) === null) return null;
      return { id: next.id, source: () => mediaSource(next) ?? "" };
    });
  }, [messages]);
  if (shown === null) return null;
  return (
    <Suspense fallback={null}>
      <Lightbox pictures={pictures} shown={shown} onShow={onShow} />
    </Suspense>
  );
}
