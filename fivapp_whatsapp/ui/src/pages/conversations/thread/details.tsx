import { Suspense } from "react";
import { lazily } from "../../../lib/lazily";
import type { Message } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { Dialog } from "../../../parts/dialog";
import { Loading } from "../../../parts/empty";

const Facts = lazily(() => import("./details-facts"));

/** Everything that is known of a message: from the webhook to "read", and what bots made of it. */
export function Details({ message, onClose }: { message: Message | null; onClose: () => void }) {
  const { t } = useSpeech();
  return (
    <Dialog open={message !== null} onClose={onClose} title={t("details.title")}>
      {message !== null && (
        <Suspense fallback={<Loading label={t("app.loading")} />}>
          <Facts message={message} />
        </Suspense>
      )}
    </Dialog>
  );
}
