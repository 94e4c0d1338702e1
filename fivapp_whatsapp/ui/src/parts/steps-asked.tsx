import type { AnswerStep } from "../api/types";
import { useSpeech, type Key, type Translate } from "../i18n";
import type { Language } from "../lib/time";

interface Props {
  steps: readonly AnswerStep[];
  /** Returns what people call a plugin. */
  name: (plugin: string) => string;
}

/** The bots that were asked about a message, in turn: what each did, and how long it took. */
export function StepsAsked({ steps, name }: Props) {
  const { t, language } = useSpeech();
  return (
    <ul className="steps-asked" aria-label={t("trial.asked")}>
      {steps.map((step, place) => (
        <li key={place} data-outcome={step.outcome}>
          <span>
            {name(step.plugin)} · {t(`step.${step.outcome}`)}
          </span>
          <span className="soft">{t("trial.ms", { n: milliseconds(step.ms ?? 0, language) })}</span>
          <Why step={step} />
        </li>
      ))}
    </ul>
  );
}

/** Why a bot brought nothing: the sentence of its code, and the place in its code, for its author. */
function Why({ step }: { step: AnswerStep }) {
  const { t, language } = useSpeech();
  const { reason, detail } = step;
  if (reason == null) return detail == null ? null : <code>{detail}</code>;
  const facts = [reason.code === "unfit" ? reason.what : "", reason.place].filter(Boolean).join(" · ");
  return (
    <>
      <span className="soft why-not">{reasonText(t, reason, language)}</span>
      {facts !== "" && <code>{facts}</code>}
    </>
  );
}

/** Returns why a call brought nothing as a sentence; what is held back is told in the words of who holds it back. */
export function reasonText(
  t: Translate,
  { code, what = "" }: NonNullable<AnswerStep["reason"]>,
  language: Language,
): string {
  if (code === "held") return what;
  if (code === "late") return t("reason.late", { what: new Intl.NumberFormat(language).format(Number(what)) });
  const key = code === "paused" && PAUSES.has(what) ? what : code;
  return t(`reason.${key}` as Key, { what });
}

const PAUSES = new Set(["failing", "blocking", "hanging"]);

function milliseconds(ms: number, language: Language): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: ms < 10 ? 1 : 0 }).format(ms);
}
