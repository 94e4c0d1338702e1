import { RotateCcw, SendHorizontal } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { post } from "../../../api/client";
import { useSpeech, type Key } from "../../../i18n";
import { newKey } from "../../../lib/ids";
import { problemText } from "../../../parts/problems";
import { lineOf, type Played } from "./played";

interface Turn {
  id: string;
  said: string;
  /** Absent while the preview is asked. */
  found?: Played;
  /** A sentence, when it could not be asked. */
  problem?: string;
}

interface Props {
  /** The plugin's route that says what it makes of a message. */
  path: string;
  /** What is sent along with each message: the text of the field under its name, saved or not. */
  settings: Readonly<Record<string, unknown>>;
}

/** A talk with what stands in a field, saved or not: nothing is sent, and no service is called. */
export function Player({ path, settings }: Props) {
  const { t } = useSpeech();
  return (
    <details className="tryout">
      <summary>{t("player.title")}</summary>
      <p className="soft small">{t("player.lead")}</p>
      {/* What the text before answered says nothing about the one that stands there now. */}
      <Talk key={JSON.stringify(settings)} path={path} settings={settings} />
    </details>
  );
}

function Talk({ path, settings }: Props) {
  const { t } = useSpeech();
  const { turns, say, clear } = usePlay(path, settings);
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  const log = useRef<HTMLDivElement>(null);
  const waiting = turns.some((turn) => turn.found === undefined && turn.problem === undefined);

  useEffect(() => {
    log.current?.scrollTo({ top: log.current.scrollHeight });
  }, [turns]);

  function send(said: string, choice?: string) {
    if (said.trim() === "" || waiting) return;
    setText("");
    say(said.trim(), choice);
    field.current?.focus();
  }

  return (
    <>
      {turns.length > 0 && (
        <div className="trial-log" ref={log} role="log" aria-label={t("player.title")} tabIndex={0}>
          {turns.map((turn, place) => (
            <TurnView key={turn.id} turn={turn} onChoose={place === turns.length - 1 && !waiting ? send : null} />
          ))}
        </div>
      )}
      <div className="trial-form">
        <input
          ref={field}
          className="input"
          value={text}
          maxLength={4096}
          placeholder={t("player.write")}
          aria-label={t("player.write")}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.nativeEvent.isComposing) return;
            // It stands in the form of the settings, which Enter would save.
            event.preventDefault();
            send(text);
          }}
        />
        <button
          type="button"
          className="icon-button main"
          aria-label={t("player.send")}
          disabled={text.trim() === "" || waiting}
          onClick={() => send(text)}
        >
          <SendHorizontal size={18} aria-hidden />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label={t("player.clear")}
          title={t("player.clear")}
          disabled={turns.length === 0}
          onClick={clear}
        >
          <RotateCcw size={17} aria-hidden />
        </button>
      </div>
    </>
  );
}

function usePlay(path: string, settings: Readonly<Record<string, unknown>>) {
  const { t } = useSpeech();
  const [turns, setTurns] = useState<readonly Turn[]>([]);
  const talk = useRef(0);
  function clear() {
    talk.current += 1;
    setTurns([]);
  }

  function say(said: string, choice?: string) {
    const id = newKey();
    const mine = talk.current;
    const memory = turns.findLast((turn) => turn.found !== undefined)?.found?.memory ?? null;
    const spoken = choice === undefined ? { text: said } : { choice };
    const body = { ...settings, ...spoken, ...(memory === null ? {} : { memory }) };
    const settle = (result: Partial<Turn>) => {
      if (talk.current === mine) setTurns((all) => all.map((turn) => (turn.id === id ? { ...turn, ...result } : turn)));
    };
    setTurns([...turns, { id, said }]);
    post<Played>(path, body).then(
      (found) => settle({ found }),
      (error: unknown) => settle({ problem: problemText(t, error) }),
    );
  }

  return { turns, say, clear };
}

interface TurnProps {
  turn: Turn;
  /** What a choice does; null once the talk went on. */
  onChoose: ((title: string, id: string) => void) | null;
}

function TurnView({ turn, onChoose }: TurnProps) {
  const { t, language } = useSpeech();
  const { found, problem } = turn;
  const silent = found !== undefined && found.outputs.length + found.events.length + found.problems.length === 0;
  return (
    <div className="turn">
      <p className="said">{turn.said}</p>
      {found === undefined && problem === undefined && <p className="soft small">{t("trial.asking")}</p>}
      {problem !== undefined && (
        <p className="trouble" role="alert">
          {problem}
        </p>
      )}
      {found?.problems.map((one, place) => (
        <p key={place} className={one.severity === "error" ? "trouble" : "soft small"}>
          {lineOf(one, t, language)}
        </p>
      ))}
      {found?.outputs.map((output, place) => (
        <div className="answer" key={place}>
          <p>{output.text}</p>
          {(output.choices ?? []).map((choice) => (
            <button
              key={choice.id}
              type="button"
              className="choice"
              disabled={onChoose === null}
              onClick={() => onChoose?.(choice.title, choice.id)}
            >
              {choice.title}
            </button>
          ))}
        </div>
      ))}
      {found?.events.map((event, place) => (
        <p key={place} className="soft small">
          {EVENTS.has(event.kind) ? t(`player.event.${event.kind}` as Key) : event.kind} <code>{event.detail}</code>
        </p>
      ))}
      {silent && <p className="soft small">{t("trial.silence")}</p>}
    </div>
  );
}

const EVENTS = new Set(["call", "hand_over", "end"]);
