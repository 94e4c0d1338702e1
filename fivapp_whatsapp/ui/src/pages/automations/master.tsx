import { useState, type FormEvent } from "react";
import type { Automation, GroupBots } from "../../api/types";
import { useSpeech, type Key } from "../../i18n";
import { Field } from "../../parts/field";
import { Switch } from "../../parts/switch";
import { useChangeAutomations } from "./data";

const GROUPS: readonly GroupBots[] = ["off", "mentioned", "always"];
const LONGEST = 10_080;

/** What holds for all bots: whether they answer, where, and how long a person's reply silences them. */
export function Master({ automation }: { automation: Automation }) {
  const { t } = useSpeech();
  const change = useChangeAutomations();
  return (
    <section className="card master" aria-labelledby="master-title">
      <div className="switch-line">
        <div>
          <h2 id="master-title">{t("bots.title")}</h2>
          <p className="soft" id="master-text">
            {t(automation.enabled ? "bots.on" : "bots.off")}
          </p>
        </div>
        <Switch
          checked={automation.enabled}
          onChange={(enabled) => change.mutate({ enabled })}
          label={t("bots.title")}
          describedBy="master-text"
        />
      </div>
      <div className="master-fields">
        <Field label={t("bots.groups")} help={t(`bots.groups.${automation.groupBots}.help` as Key)}>
          {(ids) => (
            <select
              {...ids}
              className="input"
              value={automation.groupBots}
              onChange={(event) => change.mutate({ groupBots: event.target.value as GroupBots })}
            >
              {GROUPS.map((rule) => (
                <option key={rule} value={rule}>
                  {t(`bots.groups.${rule}` as Key)}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Minutes
          key={automation.pauseMinutes}
          minutes={automation.pauseMinutes}
          onChange={(pauseMinutes) => change.mutate({ pauseMinutes })}
        />
      </div>
    </section>
  );
}

function Minutes({ minutes, onChange }: { minutes: number; onChange: (minutes: number) => void }) {
  const { t } = useSpeech();
  const [typed, setTyped] = useState(String(minutes));
  const value = Number(typed);
  const fits = typed.trim() !== "" && Number.isInteger(value) && value >= 1 && value <= LONGEST;

  function save(event?: FormEvent) {
    event?.preventDefault();
    if (fits && value !== minutes) onChange(value);
  }

  return (
    <form onSubmit={save} noValidate>
      <Field
        label={t("bots.pause")}
        help={t("bots.pause.help")}
        wrong={fits ? undefined : t("bots.pause.wrong", { most: LONGEST })}
      >
        {(ids) => (
          <input
            {...ids}
            className="input short"
            type="number"
            inputMode="numeric"
            min={1}
            max={LONGEST}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
            onBlur={() => save()}
          />
        )}
      </Field>
    </form>
  );
}
