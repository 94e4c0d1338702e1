import { FileText, RotateCw, X } from "lucide-react";
import { useSpeech } from "../../../i18n";
import { kindOf, LIMITS } from "../../../lib/media";
import { fileSize } from "../../../lib/time";
import { MOST_KEPT } from "../../../lib/kept-files";
import { useWatched } from "../../../lib/external";
import { detach, retryUpload, unkept, usePreview, type Attached } from "./files";

/** The files that go with the next message. */
export default function Attachments({ conversationId, files }: { conversationId: string; files: readonly Attached[] }) {
  const { t, language } = useSpeech();
  const lost = useWatched(unkept).has(conversationId);
  return (
    <>
      <ul className="attachments">
        {files.map((one) => (
          <One key={one.id} conversationId={conversationId} one={one} />
        ))}
      </ul>
      {lost && (
        <p className="small warn-text" role="status">
          {t("composer.unkept", { limit: fileSize(MOST_KEPT, language) })}
        </p>
      )}
    </>
  );
}

function One({ conversationId, one }: { conversationId: string; one: Attached }) {
  const { t, language } = useSpeech();
  const url = usePreview(one.file);
  const percent = Math.round(one.progress * 100);
  const limit = fileSize(LIMITS[kindOf(one.file.type)], language);
  const text = {
    kept: fileSize(one.file.size, language),
    uploading: t("composer.uploading", { percent }),
    ready: fileSize(one.file.size, language),
    tooBig: t("composer.tooBig", { name: one.name, limit }),
    failed:
      one.code === "plugin_not_installed"
        ? t("composer.noMediaPlugin")
        : t("composer.uploadFailed", { name: one.name }),
  }[one.state];
  return (
    <li className="attachment" data-state={one.state}>
      {url === null ? <FileText size={26} strokeWidth={1.4} aria-hidden /> : <img src={url} alt="" />}
      <span className="file-name">
        <span className="two-lines" dir="auto" title={one.name}>
          {one.name}
        </span>
        <span className="small soft" role={one.state === "uploading" ? undefined : "status"}>
          {text}
        </span>
        {one.state === "uploading" && <progress value={one.progress} max={1} aria-label={one.name} />}
      </span>
      {one.state === "failed" && one.code !== "plugin_not_installed" && (
        <button
          type="button"
          className="icon-button slim"
          aria-label={`${t("common.retry")}: ${one.name}`}
          onClick={() => retryUpload(conversationId, one)}
        >
          <RotateCw size={16} aria-hidden />
        </button>
      )}
      <button
        type="button"
        className="icon-button slim"
        aria-label={t("composer.removeFile", { name: one.name })}
        onClick={() => detach(conversationId, one.id)}
      >
        <X size={16} aria-hidden />
      </button>
    </li>
  );
}
