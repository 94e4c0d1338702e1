import { useTimeline } from "../../../api/queries";
import type { Message } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { authorName } from "../../../lib/preview";
import { clock, dateAndTime, wholeTime } from "../../../lib/time";
import { Dialog } from "../../../parts/dialog";
import { Loading } from "../../../parts/empty";
import { problemText } from "../../../parts/problems";
import { useThreadActions } from "./context";

/** Everything that is known of a message: from the webhook to "read". */
export function Details({ message, onClose }: { message: Message | null; onClose: () => void }) {
  const { t } = useSpeech();
  return (
    <Dialog open={message !== null} onClose={onClose} title={t("details.title")}>
      {message !== null && <Facts message={message} />}
    </Dialog>
  );
}

function Facts({ message }: { message: Message }) {
  const { t, language } = useSpeech();
  const { title } = useThreadActions();
  return (
    <div className="stack">
      <dl className="facts">
        <dt>{t("details.author")}</dt>
        <dd>{authorName(message, title, t)}</dd>
        <dt>{t("details.when")}</dt>
        <dd>{wholeTime(message.at, language)}</dd>
        {message.error != null && (
          <>
            <dt>{t("message.failed")}</dt>
            <dd>{message.error.detail}</dd>
          </>
        )}
        <dt>{t("details.id")}</dt>
        <dd>
          <code className="small">{message.id}</code>
        </dd>
      </dl>
      <h3>{t("details.timeline")}</h3>
      <Timeline message={message} />
    </div>
  );
}

function Timeline({ message }: { message: Message }) {
  const { t, language } = useSpeech();
  const timeline = useTimeline(message.id);
  if (timeline.isPending) return <Loading label={t("app.loading")} />;
  if (timeline.isError) return <p className="soft">{problemText(t, timeline.error)}</p>;
  return (
    <ol className="timeline">
      {timeline.data.map((step, index) => (
        <li key={index}>
          <strong>{t(`message.${step.status}`)}</strong>
          <span className="soft small">
            {dateAndTime(step.at, language)} · {t("details.heard", { time: clock(step.receivedAt, language) })}
          </span>
          {step.error != null && <span className="small">{step.error.detail}</span>}
        </li>
      ))}
    </ol>
  );
}
