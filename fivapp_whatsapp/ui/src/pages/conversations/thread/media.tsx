import { FileText, MapPin, UserRound } from "lucide-react";
import { Suspense } from "react";
import { lazily } from "../../../lib/lazily";
import type { Message } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { box, mediaUrl } from "../../../lib/media";
import { useMediaSource } from "../../../lib/media-source";
import { fileSize } from "../../../lib/time";
import { Absent } from "./absent";
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
  const source = useMediaSource(message, "preview");
  if (mediaUrl(message) === null || source.lack !== null)
    return <Absent message={message} lack={source.lack} onRetry={source.again} />;
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
          onError={source.onError}
        />
      )}
    </button>
  );
}

function Video({ message }: { message: Message }) {
  const film = useMediaSource(message);
  const poster = useMediaSource(message, "preview");
  if (mediaUrl(message) === null || film.lack !== null)
    return <Absent message={message} lack={film.lack} onRetry={film.again} />;
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
      onError={film.onError}
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
