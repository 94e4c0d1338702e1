import { RotateCcw, Trash2 } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import type { Failure, FailureState, Plugin } from "../../api/types";
import { useSpeech, type Key } from "../../i18n";
import { dateAndTime, wholeTime } from "../../lib/time";
import { Confirm } from "../../parts/dialog";
import { Loading } from "../../parts/empty";
import { problemText } from "../../parts/problems";
import { useDiscard, useFailures, useReplay } from "./data";
import { titleOf } from "./plugin-words";

type Choice = FailureState | "all";
const CHOICES: readonly Choice[] = ["all", "retrying", "dead"];

/** What plugins failed to handle: tried again later, or given up and waiting for a person. */
export function Failures({ plugins }: { plugins: readonly Plugin[] }) {
  const { t } = useSpeech();
  const [choice, setChoice] = useState<Choice>("all");
  const found = useFailures(choice === "all" ? null : choice, null);
  const items = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <section className="card failures" aria-labelledby="failures-title">
      <header>
        <div>
          <h2 id="failures-title">{t("failures.title")}</h2>
          <p className="soft small">{t("failures.lead")}</p>
        </div>
        <select
          className="input"
          aria-label={t("failures.show")}
          value={choice}
          onChange={(event) => setChoice(event.target.value as Choice)}
        >
          {CHOICES.map((one) => (
            <option key={one} value={one}>
              {t(`failures.${one}` as Key)}
            </option>
          ))}
        </select>
      </header>
      {found.isPending && <Loading label={t("app.loading")} />}
      {found.isError && (
        <p className="trouble" role="alert">
          {problemText(t, found.error)}
        </p>
      )}
      {found.isSuccess && items.length === 0 && <p className="soft none">{t("failures.none")}</p>}
      <ul>
        {items.map((failure) => (
          <FailureRow key={failure.id} failure={failure} plugin={plugins.find((one) => one.name === failure.plugin)} />
        ))}
      </ul>
      {found.hasNextPage && (
        <button
          type="button"
          className="button slim"
          disabled={found.isFetchingNextPage}
          onClick={() => void found.fetchNextPage()}
        >
          {t("failures.more")}
        </button>
      )}
    </section>
  );
}

function FailureRow({ failure, plugin }: { failure: Failure; plugin: Plugin | undefined }) {
  const { t, language } = useSpeech();
  const replay = useReplay();
  const discard = useDiscard();
  const [asked, setAsked] = useState(false);
  const dead = failure.state === "dead";
  const title = plugin === undefined ? failure.plugin : titleOf(plugin, language);
  const message = failure.messageId == null ? "" : `?message=${failure.messageId}`;
  return (
    <li className="failure">
      <div>
        <p className="failure-head">
          <strong>{title}</strong> <code>{failure.hook}</code>
          <span className={`chip ${dead ? "bad" : "warn"}`}>{t(`failures.${failure.state}` as Key)}</span>
        </p>
        <p className="small last-error">
          <code>{failure.error}</code>
        </p>
        <p className="soft small">
          <time dateTime={failure.at} title={wholeTime(failure.at, language)}>
            {dateAndTime(failure.at, language)}
          </time>{" "}
          · {t("failures.attempts", { n: failure.attempts })}
          {!dead &&
            failure.nextAt != null &&
            ` · ${t("failures.next", { time: dateAndTime(failure.nextAt, language) })}`}
          {failure.conversationId != null && (
            <>
              {" · "}
              <Link to={`/conversations/${failure.conversationId}${message}`}>{t("failures.conversation")}</Link>
            </>
          )}
        </p>
      </div>
      <div className="actions">
        <button
          type="button"
          className="button slim"
          disabled={replay.isPending}
          onClick={() => replay.mutate(failure.id)}
        >
          <RotateCcw size={16} aria-hidden />
          {t("failures.replay")}
        </button>
        <button
          type="button"
          className="icon-button slim"
          aria-label={t("failures.discard")}
          title={t("failures.discard")}
          onClick={() => setAsked(true)}
        >
          <Trash2 size={16} aria-hidden />
        </button>
      </div>
      <Confirm
        open={asked}
        onClose={() => setAsked(false)}
        onConfirm={() => discard.mutate(failure.id)}
        title={t("failures.discard.title")}
        text={t("failures.discard.text", { name: title })}
        action={t("failures.discard")}
      />
    </li>
  );
}
