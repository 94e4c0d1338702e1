import { Dialog as Base } from "@base-ui/react/dialog";
import { ChevronLeft, ChevronRight, X } from "lucide-react";
import { type KeyboardEvent } from "react";
import type { Message } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { useMediaSource } from "../../../lib/media-source";
import { Save } from "./save";

interface Props {
  pictures: readonly Message[];
  shown: string;
  onShow: (messageId: string | null) => void;
}

/** A picture, large; arrows lead to the others of the thread. */
export default function Lightbox({ pictures, shown, onShow }: Props) {
  const { t } = useSpeech();
  const place = pictures.findIndex((picture) => picture.id === shown);
  const picture = pictures[place];
  const go = (step: number) => {
    const next = pictures[place + step];
    if (next !== undefined) onShow(next.id);
  };

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === "ArrowLeft") go(-1);
    if (event.key === "ArrowRight") go(1);
  }

  if (picture === undefined) return null;
  return (
    <Base.Root open onOpenChange={(open) => !open && onShow(null)}>
      <Base.Portal>
        <Base.Backdrop className="dialog-back dark" />
        <Base.Popup className="lightbox" onKeyDown={onKeyDown}>
          <Base.Title className="hidden">{t("lightbox.title")}</Base.Title>
          <Large key={picture.id} picture={picture} />
          {picture.text && <p className="lightbox-text">{picture.text}</p>}
          <div className="lightbox-tools">
            <Save
              message={picture}
              name={picture.media?.filename ?? t("message.photo")}
              size={20}
              className="icon-button"
            />
            <Base.Close className="icon-button" aria-label={t("common.close")}>
              <X size={22} aria-hidden />
            </Base.Close>
          </div>
          {place > 0 && (
            <button
              type="button"
              className="icon-button previous"
              aria-label={t("lightbox.previous")}
              onClick={() => go(-1)}
            >
              <ChevronLeft size={28} aria-hidden />
            </button>
          )}
          {place < pictures.length - 1 && (
            <button type="button" className="icon-button next" aria-label={t("lightbox.next")} onClick={() => go(1)}>
              <ChevronRight size={28} aria-hidden />
            </button>
          )}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

function Large({ picture }: { picture: Message }) {
  const { t } = useSpeech();
  const { url, lack, onError, again } = useMediaSource(picture);
  if (lack === "failed" || lack === "expired")
    return (
      <div className="lightbox-text">
        <p>{t(lack === "failed" ? "message.mediaFailed" : "message.mediaExpired")}</p>
        <button type="button" className="button" onClick={again}>
          {t("common.retry")}
        </button>
      </div>
    );
  if (url === null || lack !== null) return <span className="spinner" aria-hidden />;
  return <img src={url} alt={picture.text || t("message.photo")} onError={onError} />;
}
