import type { AnswerStep } from "../api/types";
import { useSpeech } from "../i18n";
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
          {step.detail != null && <code>{step.detail}</code>}
        </li>
      ))}
    </ul>
  );
}

function milliseconds(ms: number, language: Language): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: ms < 10 ? 1 : 0 }).format(ms);
}
