import { ChevronDown, ChevronUp, GripVertical, Settings2 } from "lucide-react";
import { useState, type DragEvent } from "react";
import { Link } from "wouter";
import type { Plugin } from "../../api/types";
import { useSpeech } from "../../i18n";
import { useWatched } from "../../lib/external";
import { clock } from "../../lib/time";
import { Switch } from "../../parts/switch";
import { useResume, useSwitch } from "./data";
import { drafts } from "./drafts";
import { healthOf } from "./health";
import { descriptionOf, titleOf } from "./plugin-words";

interface Props {
  plugin: Plugin;
  place: number;
  /** The first place that may be changed. */
  first: number;
  of: number;
  allOn: boolean;
  dragged: boolean;
  onDrag: (name: string | null) => void;
  onDrop: () => void;
  onMove: (place: number) => void;
}

export function PluginRow({ plugin, place, first, of, allOn, dragged, onDrag, onDrop, onMove }: Props) {
  const { t, language } = useSpeech();
  const turn = useSwitch(plugin);
  const [over, setOver] = useState(false);
  const unsaved = useWatched(drafts)[plugin.name] !== undefined;
  const title = titleOf(plugin, language);
  const description = descriptionOf(plugin, language);
  const health = healthOf(plugin, allOn);
  const fixed = place < first;

  function drop(event: DragEvent) {
    event.preventDefault();
    setOver(false);
    onDrop();
  }

  return (
    <li
      className="card plugin"
      data-plugin={plugin.name}
      data-dragged={dragged}
      data-over={over}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <div className="plugin-order">
        <button
          type="button"
          className="icon-button slim"
          disabled={place <= first}
          aria-label={t("plugin.up", { name: title })}
          onClick={() => onMove(place - 1)}
        >
          <ChevronUp size={18} aria-hidden />
        </button>
        <span
          className="grip"
          draggable={!fixed}
          data-fixed={fixed}
          title={t("plugin.drag")}
          onDragStart={(event) => {
            event.dataTransfer.effectAllowed = "move";
            event.dataTransfer.setData("text/plain", plugin.name);
            onDrag(plugin.name);
          }}
          onDragEnd={() => onDrag(null)}
        >
          <GripVertical size={18} aria-hidden />
        </span>
        <button
          type="button"
          className="icon-button slim"
          disabled={fixed || place === of - 1}
          aria-label={t("plugin.down", { name: title })}
          onClick={() => onMove(place + 1)}
        >
          <ChevronDown size={18} aria-hidden />
        </button>
      </div>
      <div className="plugin-body">
        <h3>{title}</h3>
        <p className="plugin-facts">
          <span className={`chip ${health.tone}`}>{t(health.key)}</span>
          {unsaved && <span className="chip warn">{t("plugin.unsaved")}</span>}
          <span className="soft small">
            {plugin.name} {plugin.version}
          </span>
        </p>
        {description !== null && <p className="soft small">{description}</p>}
        <Troubles plugin={plugin} />
      </div>
      <div className="plugin-actions">
        <Switch
          checked={plugin.enabled}
          onChange={(enabled) => turn.mutate(enabled)}
          label={t("plugin.switch", { name: title })}
        />
        {plugin.schema != null && (
          <Link
            to={`/automations?plugin=${encodeURIComponent(plugin.name)}`}
            className="button slim"
            aria-label={t("plugin.settingsOf", { name: title })}
          >
            <Settings2 size={16} aria-hidden />
            {t("plugin.settings")}
          </Link>
        )}
      </div>
    </li>
  );
}

/** What is wrong with a plugin, and what a person can do about it. */
function Troubles({ plugin }: { plugin: Plugin }) {
  const { t, language } = useSpeech();
  const resume = useResume(plugin.name);
  const { reason, pausedUntil, pausedHooks, pausedIn, forAll, failures, stalls, lastError } = plugin.health;
  return (
    <>
      {plugin.problem != null && (
        <p className="trouble" role="alert">
          {t("plugin.problem", { detail: plugin.problem })}
        </p>
      )}
      {reason != null && (
        <div className="trouble">
          <p>
            {t(`plugin.why.${reason}`)}{" "}
            {pausedHooks.length > 0 && t("plugin.pausedHooks", { hooks: pausedHooks.join(", ") })}{" "}
            {pausedUntil != null && t("plugin.until", { time: clock(pausedUntil, language) })}{" "}
            {pausedIn > 1 && t("plugin.pausedIn", { n: pausedIn })} {forAll && t("plugin.forAll")}
          </p>
          {!forAll && reason !== "hanging" && (
            <button type="button" className="button slim" disabled={resume.isPending} onClick={() => resume.mutate()}>
              {t("plugin.resume")}
            </button>
          )}
        </div>
      )}
      {lastError != null && (
        <p className="soft small last-error">
          {t("plugin.failures", { n: failures + stalls })} <code>{lastError}</code>
        </p>
      )}
    </>
  );
}
