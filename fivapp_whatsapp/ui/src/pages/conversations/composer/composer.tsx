import { Paperclip, SendHorizontal, Smile, StickyNote, X } from "lucide-react";
import { Suspense, useEffect, useLayoutEffect, useRef, useState, type RefObject } from "react";
import { lazily } from "../../../lib/lazily";
import { useQuickReplies } from "../../../api/queries";
import type { Conversation, Message, QuickReply } from "../../../api/types";
import { useSpeech } from "../../../i18n";
import { draftOf, drafts, NO_DRAFT, setDraft, type Draft } from "../../../lib/drafts";
import { useWatched } from "../../../lib/external";
import { authorName, preview } from "../../../lib/preview";
import { grow } from "../../../lib/grow";
import { whenIdle } from "../../../lib/idle";
import { fillIn, firstVariable, matching, slashQuery, unfilled } from "../../../lib/quick";
import { useLive } from "../../../live/provider";
import { stopWriting, writing } from "../../../live/typing";
import { toast } from "../../../parts/toasts";
import { useCan } from "../can";
import { attach, filesOf, useKept } from "./files";
import { Notices, useUnansweredBy } from "./notices";
import { useSubmit } from "./submit";

// There before it is wanted: a file may be attached while there is no connection.
const loadAttachments = () => import("./attachments");
const Attachments = lazily(loadAttachments);
whenIdle(loadAttachments);
const QuickMenu = lazily(() => import("./quick-menu"));
const Emoji = lazily(() => import("./emoji"));
const MOST = 4096;
const NEAR_MOST = 3800;

interface Props {
  conversation: Conversation;
  messages: readonly Message[];
  field: RefObject<HTMLTextAreaElement | null>;
}

export function Composer({ conversation, messages, field }: Props) {
  const { t } = useSpeech();
  const { me } = useLive();
  const id = conversation.id;
  const draft = useWatched(drafts)[id] ?? NO_DRAFT;
  const files = useWatched(filesOf(id));
  useKept(id);
  const change = (values: Partial<Draft>) => setDraft(id, { ...draftOf(id), ...values });
  const [chosen, setChosen] = useState(0);
  const [emoji, setEmoji] = useState(false);
  const quick = useQuick(draft);
  const missing = draft.note ? [] : unfilled(draft.text);
  const other = useUnansweredBy(conversation, messages, draft.text);
  const submit = useSubmit(conversation, field);
  const canAttach = useCan(conversation.sessionId, "media");
  const picker = useRef<HTMLInputElement>(null);
  useGrowing(field, draft.text);
  useEffect(() => () => stopWriting(id), [id]);

  function insertQuick(reply: QuickReply) {
    const first = conversation.isGroup ? "" : (conversation.title.split(/\s+/)[0] ?? "");
    const known = { nome: first, name: first, atendente: me.name, agent: me.name };
    const text = fillIn(reply.text, known);
    change({ text });
    const place = firstVariable(text) ?? [text.length, text.length];
    requestAnimationFrame(() => {
      field.current?.focus();
      field.current?.setSelectionRange(...place);
    });
  }

  function insertText(text: string) {
    const element = field.current;
    const at = element?.selectionStart ?? draft.text.length;
    const end = element?.selectionEnd ?? at;
    change({ text: draft.text.slice(0, at) + text + draft.text.slice(end) });
    requestAnimationFrame(() => {
      element?.focus();
      element?.setSelectionRange(at + text.length, at + text.length);
    });
  }

  function send(sure = false) {
    if (missing.length > 0) {
      const place = firstVariable(draft.text);
      if (place !== null) field.current?.setSelectionRange(...place);
      return;
    }
    if (other.blocks && !sure && !draft.note) {
      other.ask();
      return;
    }
    other.forget();
    stopWriting(id);
    submit(draft, files);
  }

  function onKeyDown(event: React.KeyboardEvent<HTMLTextAreaElement>) {
    // Where a word is composed its keys are the input method's; Safari tells of the Enter that ends it by 229 alone.
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    if (quick.open && quick.items.length > 0) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step !== undefined) {
        event.preventDefault();
        setChosen((chosen + step + quick.items.length) % quick.items.length);
        return;
      }
      const reply = quick.items[chosen] ?? quick.items[0];
      if ((event.key === "Enter" || event.key === "Tab") && reply !== undefined) {
        event.preventDefault();
        insertQuick(reply);
        return;
      }
    }
    if (event.key === "Escape" && (quick.open || draft.quoted !== null)) {
      event.stopPropagation();
      change(quick.open ? { text: "" } : { quoted: null });
      return;
    }
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      // A key that is held down answers no question.
      if (!event.repeat) send();
    }
  }

  const label = draft.note ? t("composer.placeholderNote") : t("composer.label", { name: conversation.title });
  return (
    <form
      className={`composer${draft.note ? " is-note" : ""}`}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <Notices conversation={conversation} messages={messages} other={other} onSendAnyway={() => send(true)} />
      {quick.open && (
        <Suspense fallback={null}>
          <QuickMenu items={quick.items} query={quick.query} chosen={chosen} onChoose={insertQuick} />
        </Suspense>
      )}
      {draft.quoted !== null && (
        <div className="quoting">
          <div className="quote">
            <strong>{t("composer.quoting", { name: authorName(draft.quoted, conversation.title, t) })}</strong>
            <span>{preview(draft.quoted, t)}</span>
          </div>
          <button
            type="button"
            className="icon-button slim"
            aria-label={t("composer.unquote")}
            onClick={() => change({ quoted: null })}
          >
            <X size={16} aria-hidden />
          </button>
        </div>
      )}
      {files.length > 0 && (
        <Suspense fallback={null}>
          <Attachments conversationId={id} files={files} />
        </Suspense>
      )}
      {missing.length > 0 && !quick.open && (
        <p className="small warn-text" role="status">
          {t("composer.fill", { names: missing.join(", ") })}
        </p>
      )}
      <div className="composer-line">
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          onChange={(event) => {
            attach(id, [...(event.target.files ?? [])]);
            event.target.value = "";
            field.current?.focus();
          }}
        />
        <button
          type="button"
          className="icon-button"
          aria-label={t("composer.attach")}
          title={t(canAttach ? "composer.attach" : "composer.noMedia")}
          disabled={draft.note || !canAttach}
          onClick={() => picker.current?.click()}
        >
          <Paperclip size={20} aria-hidden />
        </button>
        <button
          type="button"
          className="icon-button emoji-button"
          aria-label={t("composer.emoji")}
          title={t("composer.emoji")}
          aria-expanded={emoji}
          onClick={() => setEmoji(!emoji)}
        >
          <Smile size={20} aria-hidden />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label={t("composer.note")}
          title={t("composer.note")}
          aria-pressed={draft.note}
          onClick={() => change({ note: !draft.note })}
        >
          <StickyNote size={20} aria-hidden />
        </button>
        <textarea
          ref={field}
          className="input"
          rows={1}
          maxLength={MOST}
          value={draft.text}
          placeholder={draft.note ? t("composer.placeholderNote") : t("composer.placeholder")}
          aria-label={label}
          enterKeyHint="send"
          dir="auto"
          onChange={(event) => {
            change({ text: event.target.value });
            setChosen(0);
            // A note is nobody's news, and what is wiped is not written.
            if (draft.note || event.target.value.trim() === "") stopWriting(id);
            else writing(id);
          }}
          onKeyDown={onKeyDown}
          onPaste={(event) => {
            const pasted = [...event.clipboardData.files];
            if (pasted.length === 0 || draft.note) return;
            event.preventDefault();
            if (canAttach) attach(id, pasted);
            else toast(t("composer.noMedia"));
          }}
        />
        <button
          type="submit"
          className="icon-button main send"
          aria-label={draft.note ? t("common.save") : t("composer.send")}
          disabled={draft.text.trim() === "" && files.length === 0}
        >
          <SendHorizontal size={19} aria-hidden />
        </button>
      </div>
      {draft.text.length > NEAR_MOST && (
        <p className="small soft" role="status">
          {t("composer.characters", { n: draft.text.length })}
        </p>
      )}
      {emoji && (
        <Suspense fallback={null}>
          <Emoji onPick={insertText} onClose={() => setEmoji(false)} />
        </Suspense>
      )}
    </form>
  );
}

/** Quick replies: asked for with a slash as the first character. */
function useQuick(draft: Draft) {
  const query = draft.note ? null : slashQuery(draft.text);
  const replies = useQuickReplies();
  return { open: query !== null, query: query ?? "", items: query === null ? [] : matching(replies.data ?? [], query) };
}

/** The field grows with its text, up to what its style allows. */
function useGrowing(field: RefObject<HTMLTextAreaElement | null>, text: string): void {
  useLayoutEffect(() => grow(field.current), [field, text]);
}
