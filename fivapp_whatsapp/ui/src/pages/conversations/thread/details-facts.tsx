import { useQueryClient } from "@tanstack/react-query";
import { keys } from "../../../api/keys";
import { useTimeline } from "../../../api/queries";
import type { AnswerTrail, Message } from "../../../api/types";
import { useSpeech, type Key } from "../../../i18n";
import { knownTitle } from "../../../lib/known-plugins";
import { authorName, preview } from "../../../lib/preview";
import type { ThreadData } from "../../../live/apply";
import { clock, dateAndTime, wholeTime } from "../../../lib/time";
import { Loading } from "../../../parts/empty";
import { problemText } from "../../../parts/problems";
import { StepsAsked } from "../../../parts/steps-asked";
import { useThreadActions } from "./context";

export default function Facts({ message }: { message: Message }) {
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
  const { items, automation } = timeline.data;
  return (
    <>
      <ol className="timeline">
        {items.map((step, index) => (
          <li key={index}>
            <strong>{t(`message.${step.status}`)}</strong>
            <span className="soft small">
              {dateAndTime(step.at, language)} · {t("details.heard", { time: clock(step.receivedAt, language) })}
            </span>
            {step.error != null && <span className="small">{step.error.detail}</span>}
          </li>
        ))}
      </ol>
      {automation != null && <Automation trail={automation} conversationId={message.conversationId} />}
    </>
  );
}

/** What bots made of the message: who was asked, what came of it, and the rule that silenced them. */
function Automation({ trail, conversationId }: { trail: AnswerTrail; conversationId: string }) {
  const { t, language } = useSpeech();
  const client = useQueryClient();
  const thread = client.getQueryData<ThreadData>(keys.thread(conversationId));
  const messages = thread?.pages.flatMap((page) => page.items) ?? [];
  const answers = (trail.answerIds ?? []).flatMap((id) => messages.find((one) => one.id === id) ?? []);
  const name = (plugin: string) => knownTitle(plugin, language) ?? plugin;
  return (
    <section className="stack">
      <h3>{t("details.bots")}</h3>
      {trail.rule != null && <p className="rule-said">{t(`rule.${trail.rule}` as Key)}</p>}
      {(trail.steps ?? []).length > 0 ? (
        <StepsAsked steps={trail.steps ?? []} name={name} />
      ) : (
        <p className="soft">{t("details.nobodyAsked")}</p>
      )}
      {answers.map((answer) => (
        <blockquote key={answer.id} className="answer-given" dir="auto">
          {preview(answer, t)}
        </blockquote>
      ))}
    </section>
  );
}
