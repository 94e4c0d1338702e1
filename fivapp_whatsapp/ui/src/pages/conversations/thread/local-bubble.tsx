import { Clock3, CircleAlert, StickyNote } from "lucide-react";
import { useSpeech } from "../../../i18n";
import { clock } from "../../../lib/time";
import { remove, type Local } from "../../../live/outgoing";
import { useLive } from "../../../live/provider";
import { useThreadActions } from "./context";
import { Remedy } from "./remedy";
import { Text } from "./text";

/** A message that is on its way to the gateway: it looks as it will, with what holds it up. */
export function LocalBubble({ local }: { local: Local }) {
  const { t, language } = useSpeech();
  const { sender } = useLive();
  const { edit } = useThreadActions();
  const failed = local.state === "failed";
  const note = local.kind === "note";
  const word = t(failed ? "message.failed" : local.state === "waiting" ? "message.waiting" : "message.sending");
  const Sign = failed ? CircleAlert : Clock3;
  return (
    <article className="bubble-line mine first last">
      <div className={`bubble${note ? " note" : ""}`} data-local={local.state}>
        {note ? (
          <h3 className="bubble-author">
            <StickyNote size={14} aria-hidden />
            {`${t("message.note")} · ${t("common.you")}`}
          </h3>
        ) : (
          <h3 className="hidden">{t("common.you")}</h3>
        )}
        {local.media != null && <p className="soft">{local.media.filename}</p>}
        {local.text !== "" && <Text text={local.text} />}
        <span className="bubble-foot">
          <time dateTime={local.at}>{clock(local.at, language)}</time>
          <span className={`status${failed ? " bad" : ""}`} title={word} data-status={local.state}>
            <Sign size={15} aria-hidden />
            <span className="hidden">{word}</span>
          </span>
        </span>
      </div>
      {failed && (
        <p className="trouble-line">
          <Remedy
            kind={local.kind}
            code={local.code}
            detail={local.detail}
            onRetry={() => sender.again(local.key)}
            // The field takes a text, and would lose the file.
            onEdit={
              local.media == null
                ? () => {
                    edit(local.text, note);
                    remove(local.key);
                  }
                : undefined
            }
          />
          <button type="button" onClick={() => remove(local.key)}>
            {t("message.discard")}
          </button>
        </p>
      )}
      {local.state === "waiting" && (
        <p className="trouble-line calm">
          <span>{t("message.waiting")}</span>
          <button type="button" onClick={() => remove(local.key)}>
            {t("message.cancel")}
          </button>
        </p>
      )}
    </article>
  );
}
