import { useEffect } from "react";
import { useSpeech } from "../../../i18n";
import { useWatched } from "../../../lib/external";
import { leaving, unsaved, warn } from "../../../lib/leaving";
import { Confirm } from "../../../parts/dialog";

/** Asks before one leaves changes behind; on "back" of the browser they are kept, and the list says so. */
export function LeaveGuard({ dirty, onDiscard }: { dirty: boolean; onDiscard: () => void }) {
  const { t } = useSpeech();
  const waiting = useWatched(leaving);

  useEffect(() => {
    unsaved.set(dirty);
    addEventListener("beforeunload", warn);
    return () => {
      unsaved.set(false);
      removeEventListener("beforeunload", warn);
    };
  }, [dirty]);

  function leave() {
    unsaved.set(false);
    onDiscard();
    waiting?.();
  }

  return (
    <Confirm
      open={waiting !== null}
      onClose={() => leaving.set(null)}
      onConfirm={leave}
      title={t("leave.title")}
      text={t("leave.text")}
      action={t("leave.discard")}
    />
  );
}
