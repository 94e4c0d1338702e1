import { Download } from "lucide-react";
import type { MouseEvent } from "react";
import type { Message } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { mediaUrl } from "../../../lib/media";
import { mediaSource } from "../../../lib/media-source";
import { problemText } from "../../../parts/problems";
import { toast } from "../../../parts/toasts";

interface Props {
  message: Message;
  name: string;
  size: number;
  className: string;
}

/** Saves a message's file on this device. */
export function Save({ message, name, size, className }: Props) {
  const { t } = useSpeech();

  function onClick(event: MouseEvent) {
    const source = mediaSource(message, "download");
    if (source === null || typeof source === "string") return;
    event.preventDefault();
    // What comes is a download, not a page: this one stays.
    source.then((url) => location.assign(url)).catch((error: unknown) => toast(problemText(t, error)));
  }

  return (
    <a
      className={className}
      href={mediaUrl(message, "download") ?? ""}
      download={name}
      target="_blank"
      rel="noopener noreferrer"
      aria-label={`${t("message.download")}: ${name}`}
      onClick={onClick}
    >
      <Download size={size} aria-hidden />
    </a>
  );
}
