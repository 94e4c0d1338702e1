import { Plug } from "lucide-react";
import { useState } from "react";
import type { PluginList } from "../../api/types";
import { useSpeech } from "../../i18n";
import { Empty } from "../../parts/empty";
import { Broken } from "./broken";
import { useChangeAutomations } from "./data";
import { moved } from "./order";
import { PluginRow } from "./plugin-row";
import { titleOf } from "./plugin-words";

/** The plugins, in the order in which their bots are asked; the order is changed by buttons or by dragging. */
export function PluginsList({ list, allOn }: { list: PluginList; allOn: boolean }) {
  const { t, language } = useSpeech();
  const change = useChangeAutomations();
  const [dragged, setDragged] = useState<string | null>(null);
  const [said, setSaid] = useState("");
  const names = list.items.map((plugin) => plugin.name);
  // Files are asked first, whatever the order says.
  const first = list.items.filter((plugin) => plugin.source === "file").length;

  function move(name: string, place: number) {
    const order = moved(names, name, Math.max(place, first));
    const plugin = list.items.find((one) => one.name === name);
    if (plugin === undefined || order.join() === names.join()) return;
    change.mutate({ order });
    setSaid(t("plugin.moved", { name: titleOf(plugin, language), n: order.indexOf(name) + 1, of: names.length }));
  }

  return (
    <section className="plugins" aria-labelledby="plugins-title">
      <header>
        <h2 id="plugins-title">{t("plugins.title")}</h2>
        <p className="soft small">{t("plugins.lead")}</p>
      </header>
      {list.broken.map((plugin) => (
        <Broken key={`${plugin.distribution} ${plugin.name}`} plugin={plugin} />
      ))}
      {names.length === 0 ? (
        <div className="card">
          <Empty icon={Plug} title={t("plugins.empty.title")} text={t("plugins.empty.text")} />
        </div>
      ) : (
        <ol>
          {list.items.map((plugin, place) => (
            <PluginRow
              key={plugin.name}
              plugin={plugin}
              place={place}
              first={first}
              of={names.length}
              allOn={allOn}
              dragged={dragged === plugin.name}
              onDrag={setDragged}
              onDrop={() => dragged !== null && move(dragged, place)}
              onMove={(to) => move(plugin.name, to)}
            />
          ))}
        </ol>
      )}
      <p className="hidden" role="status">
        {said}
      </p>
    </section>
  );
}
