import { Bot, RotateCcw, SendHorizontal } from "lucide-react";
import { useEffect, useRef, useState, type FormEvent } from "react";
import { api, ask } from "../../api/client";
import type { Plugin, Tried } from "../../api/types";
import { useSpeech, type Key } from "../../i18n";
import { newKey } from "../../lib/ids";
import { problemText } from "../../parts/problems";
import { StepsAsked } from "../../parts/steps-asked";
import { answers } from "./health";
import { titleOf } from "./plugin-words";
import { choicesOf, factsOf, memoryOf, type Turn } from "./talk";

const EFFECTS = new Set([
  "send",
  "note",
  "typing",
  "open_conversation",
  "change_conversation",
  "hand_over",
  "give_back",
  "later",
  "cancel_later",
]);

/** What would the bots say? A talk of several turns, of which nothing is sent and nothing is remembered. */
export function Trial({ plugins, chosen }: { plugins: readonly Plugin[]; chosen: string | null }) {
  const { t, language } = useSpeech();
  const bots = plugins.filter(answers);
  const [picked, setPicked] = useState<string | null>(null);
  const plugin = picked ?? (bots.some((bot) => bot.name === chosen) ? chosen : null) ?? "";
  const { turns, say, clear } = useTalk(plugin);
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const log = useRef<HTMLDivElement>(null);
  const waiting = turns.some((turn) => turn.tried === undefined && turn.problem === undefined);

  useEffect(() => {
    log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [turns]);

  function send(said: string) {
    const clean = said.trim();
    if (clean === "" || waiting) return;
    setText("");
    say(clean);
    field.current?.focus();
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    send(text);
  }

  return (
    <section className="card trial" id="trial" aria-labelledby="trial-title">
      <header>
        <div>
          <h2 id="trial-title">{t("trial.title")}</h2>
          <p className="soft small">{t("trial.lead")}</p>
        </div>
        <button
          type="button"
          className="icon-button slim"
          aria-label={t("trial.clear")}
          title={t("trial.clear")}
          disabled={turns.length === 0}
          onClick={clear}
        >
          <RotateCcw size={17} aria-hidden />
        </button>
      </header>
      <select
        className="input"
        aria-label={t("trial.plugin")}
        value={plugin}
        onChange={(event) => setPicked(event.target.value)}
      >
        <option value="">{t("trial.all")}</option>
        {bots.map((bot) => (
          <option key={bot.name} value={bot.name}>
            {t("trial.only", { name: titleOf(bot, language) })}
          </option>
        ))}
      </select>
      <div className="trial-log" ref={log} role="log" aria-label={t("trial.title")} tabIndex={0}>
        {turns.length === 0 && (
          <div className="trial-empty">
            <Bot size={40} strokeWidth={1.2} aria-hidden />
            <p className="soft">{t("trial.empty")}</p>
          </div>
        )}
        {turns.map((turn, place) => (
          <TurnView
            key={turn.id}
            turn={turn}
            plugins={plugins}
            onChoose={place === turns.length - 1 && !waiting ? send : null}
          />
        ))}
      </div>
      <form className="trial-form" onSubmit={submit}>
        <input
          ref={field}
          className="input"
          value={text}
          maxLength={4096}
          placeholder={t("trial.write")}
          aria-label={t("trial.write")}
          onChange={(event) => setText(event.target.value)}
        />
        <button
          type="submit"
          className="icon-button main"
          aria-label={t("trial.send")}
          disabled={text.trim() === "" || waiting}
        >
          <SendHorizontal size={18} aria-hidden />
        </button>
      </form>
    </section>
  );
}

function useTalk(plugin: string) {
  const { t } = useSpeech();
  const [turns, setTurns] = useState<readonly Turn[]>([]);
  const talk = useRef(0);

  function say(text: string) {
    const id = newKey();
    const mine = talk.current;
    const memory = memoryOf(turns);
    const body = { text, ...(plugin === "" ? {} : { plugin }), ...(memory === null ? {} : { memory }) };
    const settle = (result: Partial<Turn>) => {
      // A talk that was begun anew meanwhile does not hear of it.
      if (talk.current === mine) setTurns((all) => all.map((turn) => (turn.id === id ? { ...turn, ...result } : turn)));
    };
    setTurns([...turns, { id, text }]);
    ask(api.POST("/api/automations/try", { body })).then(
      (tried) => settle({ tried }),
      (error: unknown) => settle({ problem: problemText(t, error) }),
    );
  }

  function clear() {
    talk.current += 1;
    setTurns([]);
  }

  return { turns, say, clear };
}

interface TurnProps {
  turn: Turn;
  plugins: readonly Plugin[];
  /** What a choice does; null once the talk went on. */
  onChoose: ((title: string) => void) | null;
}

function TurnView({ turn, plugins, onChoose }: TurnProps) {
  const { t } = useSpeech();
  const { tried, problem } = turn;
  return (
    <div className="turn">
      <p className="said">{turn.text}</p>
      {tried === undefined && problem === undefined && <p className="soft small">{t("trial.asking")}</p>}
      {problem !== undefined && (
        <p className="trouble" role="alert">
          {problem}
        </p>
      )}
      {tried?.answers.map((answer, place) => (
        <div className="answer" key={place}>
          {answer.text != null && answer.text !== "" ? <p>{answer.text}</p> : <p className="soft">{t("trial.file")}</p>}
          {choicesOf(answer.choices).map((choice) => (
            <button
              key={choice.id}
              type="button"
              className="choice"
              disabled={onChoose === null}
              onClick={() => onChoose?.(choice.title)}
            >
              {choice.title}
            </button>
          ))}
        </div>
      ))}
      {tried !== undefined && tried.answers.length === 0 && <p className="soft small">{t("trial.silence")}</p>}
      {tried !== undefined && <Why tried={tried} plugins={plugins} />}
    </div>
  );
}

/** Who was asked, what would silence them, and what they would have done beside their answer. */
function Why({ tried, plugins }: { tried: Tried; plugins: readonly Plugin[] }) {
  const { t, language } = useSpeech();
  const name = (plugin: string) => {
    const found = plugins.find((one) => one.name === plugin);
    return found === undefined ? plugin : titleOf(found, language);
  };
  return (
    <div className="why small">
      {tried.rule != null && <p className="trouble">{t("trial.rule", { text: t(`rule.${tried.rule}` as Key) })}</p>}
      {tried.steps.length > 0 && <StepsAsked steps={tried.steps} name={name} />}
      {tried.effects.length > 0 && (
        <details>
          <summary>{t("trial.effects", { n: tried.effects.length })}</summary>
          <ul>
            {tried.effects.map((effect, place) => (
              <li key={place}>
                {name(String(effect.plugin))} ·{" "}
                {EFFECTS.has(String(effect.what)) ? t(`effect.${effect.what}` as Key) : String(effect.what)}{" "}
                <code>{factsOf(effect)}</code>
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}
