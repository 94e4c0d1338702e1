import { FileText, ImageOff, MapPin, RotateCw, UserRound } from "lucide-react";
import { Suspense, useState } from "react";
import { lazily } from "../../../lib/lazily";
import type { Message } from "../../../api/types";
import { currentToken } from "../../../api/token";
import { address } from "../../../base";
import { useSpeech, type Key } from "../../../i18n";
import { box, mediaUrl } from "../../../lib/media";
import { useMediaSource } from "../../../lib/media-source";
import { fileSize } from "../../../lib/time";
import { useThreadActions } from "./context";
import { Save } from "./save";

const Player = lazily(() => import("./player"));

/** A message's file, in the way of its kind; nothing for a message without one. */
export function Media({ message }: { message: Message }) {
  const { t } = useSpeech();
  switch (message.kind) {
    case "image":
    case "sticker":
      return <Picture message={message} />;
    case "video":
      return <Video message={message} />;
    case "audio":
      return mediaUrl(message) === null ? (
        <Absent message={message} />
      ) : (
        <Suspense fallback={<div className="player" />}>
          <Player message={message} />
        </Suspense>
      );
    case "document":
      return <Document message={message} />;
    case "location":
      return <Location message={message} />;
    case "contact":
      return (
        <p className="card-line">
          <UserRound size={20} aria-hidden />
          <span>{t("message.contact")}</span>
        </p>
      );
    default:
      return null;
  }
}

function Picture({ message }: { message: Message }) {
  const { t } = useSpeech();
  const { showImage } = useThreadActions();
  const [failed, setFailed] = useState(false);
  const source = useMediaSource(message, "preview");
  if (source.failed || failed) {
    const again = () => {
      setFailed(false);
      source.again();
    };
    return <Absent message={message} failed={failed || mediaUrl(message) !== null} onRetry={again} />;
  }
  const size = box(message.media?.width, message.media?.height);
  return (
    <button
      type="button"
      className={`picture ${message.kind}`}
      style={{ width: size.width, height: size.height }}
      aria-label={t("message.openImage")}
      onClick={() => showImage(message.id)}
    >
      {source.url !== null && (
        <img
          src={source.url}
          width={size.width}
          height={size.height}
          alt={message.text || t("message.photo")}
          loading="lazy"
          decoding="async"
          onError={() => setFailed(true)}
        />
      )}
    </button>
  );
}

function Video({ message }: { message: Message }) {
  const film = useMediaSource(message);
  const poster = useMediaSource(message, "preview");
  if (film.failed) return <Absent message={message} failed={mediaUrl(message) !== null} onRetry={film.again} />;
  const size = box(message.media?.width ?? 320, message.media?.height ?? 220);
  // What a customer films has no captions.
  return (
    <video
      className="film"
      src={film.url ?? undefined}
      width={size.width}
      height={size.height}
      controls
      preload="metadata"
      poster={message.media?.preview ? (poster.url ?? undefined) : undefined}
    />
  );
}

function Document({ message }: { message: Message }) {
  const { t, language } = useSpeech();
  const url = mediaUrl(message, "download");
  const name = message.media?.filename || t("message.document");
  const size = message.media?.size;
  return (
    <>
      <div className="file">
        <FileText size={28} strokeWidth={1.4} aria-hidden />
        <span className="file-name">
          <span dir="auto">{name}</span>
          {size != null && <span className="soft small">{fileSize(size, language)}</span>}
        </span>
        {url !== null && <Save message={message} name={name} size={18} className="icon-button slim" />}
      </div>
      {url === null && <Absent message={message} />}
    </>
  );
}

function Location({ message }: { message: Message }) {
  const { t } = useSpeech();
  const found = /(-?\d{1,2}\.\d+)[,\s]+(-?\d{1,3}\.\d+)/.exec(message.text ?? "");
  const name = (message.text ?? "").replace(found?.[0] ?? "", "").trim();
  return (
    <div className="card-line">
      <MapPin size={22} aria-hidden />
      <span>
        <span dir="auto">{name || t("message.location")}</span>
        {found !== null && (
          <a
            href={`https://www.openstreetmap.org/?mlat=${found[1]}&mlon=${found[2]}#map=16/${found[1]}/${found[2]}`}
            target="_blank"
            rel="noopener noreferrer"
          >
            {t("message.openMap")}
          </a>
        )}
      </span>
    </div>
  );
}

const STATES: Record<string, Key> = {
  fetching: "message.mediaFetching",
  failed: "message.mediaFailed",
  expired: "message.mediaExpired",
  gone: "message.mediaGone",
  refused: "message.mediaRefused",
};
// Here a second try may bring the file; for the others only who sent it can help.
const AGAIN = new Set(["failed", "expired"]);

/** What stands for a file that is not here: why, and what to do about it. */
function Absent({ message, failed = false, onRetry }: { message: Message; failed?: boolean; onRetry?: () => void }) {
  const { t } = useSpeech();
  const { askAgain } = useThreadActions();
  const [asking, setAsking] = useState(false);
  const state = message.media?.state ?? null;
  const key = failed ? "message.mediaFailed" : (state !== null && STATES[state]) || "message.mediaNone";
  const fetching = state === "fetching" || asking;
  const again = async () => {
    if (state !== null) {
      setAsking(true);
      await fetchAgain(message.id);
      setAsking(false);
    }
    onRetry?.();
  };
  return (
    <div className="absent" data-state={state ?? "none"}>
      {fetching ? <span className="spinner" aria-hidden /> : <ImageOff size={22} aria-hidden />}
      <span>{t(asking ? "message.mediaFetching" : key)}</span>
      {!fetching && (failed || AGAIN.has(state ?? "")) && (
        <button type="button" className="button slim" onClick={() => void again()}>
          <RotateCw size={16} aria-hidden />
          {t(state === "expired" ? "message.fetchAgain" : "common.retry")}
        </button>
      )}
      {!fetching && !failed && message.direction === "incoming" && (
        <button type="button" className="button slim" onClick={() => askAgain(message, t("message.askText"))}>
          {t("message.askAgain")}
        </button>
      )}
    </div>
  );
}

/** Lets the gateway fetch a file again; what became of it comes as a frame, and says itself in words. */
async function fetchAgain(messageId: string): Promise<void> {
  const token = currentToken();
  const headers: Record<string, string> = token === null ? {} : { Authorization: `Bearer ${token}` };
  const path = `/api/media/${encodeURIComponent(messageId)}/retry`;
  await fetch(address(path), { method: "POST", headers }).catch(() => undefined);
}
