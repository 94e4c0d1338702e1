import { Ban, Check, CheckCheck, CircleAlert, CircleHelp, Clock3, type LucideIcon } from "lucide-react";
import type { MessageStatus } from "../../api/types";
import { useSpeech } from "../../i18n";

const SIGNS: Partial<Record<MessageStatus, readonly [LucideIcon, string]>> = {
  pending: [Clock3, ""],
  cancelled: [Ban, ""],
  expired: [CircleAlert, "bad"],
  unknown: [CircleHelp, "warn"],
  accepted: [Check, ""],
  sent: [Check, ""],
  failed: [CircleAlert, "bad"],
  delivered: [CheckCheck, ""],
  read: [CheckCheck, "read"],
  played: [CheckCheck, "read"],
};

/** A message's status as a sign, and as a word for those who hear it. */
export function Status({ status }: { status: MessageStatus }) {
  const { t } = useSpeech();
  const sign = SIGNS[status];
  if (sign === undefined) return null;
  const [Icon, tone] = sign;
  const word = t(`message.${status}`);
  return (
    <span className={`status ${tone}`} title={word} data-status={status}>
      <Icon size={15} aria-hidden />
      <span className="hidden">{word}</span>
    </span>
  );
}
