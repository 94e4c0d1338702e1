/** The form's inputs. */
import {
  enumOptionSelectedValue,
  enumOptionValueDecoder,
  enumOptionValueEncoder,
  getInputProps,
  type WidgetProps,
} from "@rjsf/utils";
import { useState } from "react";
import { useSpeech } from "../../../i18n";
import { previewOf, type PreviewContext } from "./played";
import { Player } from "./player";

/** What stands in the place of a secret that is kept; sent back, it leaves the secret as it is. */
export const MASK = "********";

function bound({ id, schema, rawErrors }: WidgetProps) {
  const wrong = (rawErrors?.length ?? 0) > 0;
  const described = [schema.description && `${id}__description`, wrong && `${id}__error`].filter(Boolean).join(" ");
  return {
    id,
    ...(described === "" ? {} : { "aria-describedby": described }),
    ...(wrong ? { "aria-invalid": true as const } : {}),
  };
}

/** Returns what an emptied field holds: an empty text, or nothing for numbers and for what may be null. */
function emptied({ schema }: WidgetProps): string | null | undefined {
  if (Array.isArray(schema.type) && schema.type.includes("null")) return null;
  return schema.type === "string" ? "" : undefined;
}

export function BaseInputTemplate(props: WidgetProps) {
  const { schema, type, options, value, disabled, onChange, onBlur, id } = props;
  // A number that may be absent is typed as a number.
  const kind = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  const input = getInputProps({ ...schema, ...(kind === undefined ? {} : { type: kind }) }, type, options);
  const examples = Array.isArray(schema.examples) ? schema.examples : [];
  return (
    <input
      {...input}
      {...bound(props)}
      className={input.type === "number" ? "input short" : "input"}
      value={value ?? ""}
      disabled={disabled}
      maxLength={schema.maxLength}
      placeholder={examples.length > 0 ? String(examples[0]) : undefined}
      onChange={(event) => onChange(event.target.value === "" ? emptied(props) : event.target.value)}
      onBlur={(event) => onBlur(id, event.target.value)}
    />
  );
}

export function TextareaWidget(props: WidgetProps) {
  const { schema, value, disabled, onChange, onBlur, id, name, registry } = props;
  const examples = Array.isArray(schema.examples) ? schema.examples : [];
  const code = Number(schema.maxLength ?? 0) > 10_000;
  const played = previewOf(schema, name, value ?? "", registry.formContext as PreviewContext);
  const area = (
    <textarea
      {...bound(props)}
      className={code ? "input code" : "input grows"}
      rows={code ? 14 : 2}
      spellCheck={!code}
      value={value ?? ""}
      disabled={disabled}
      maxLength={schema.maxLength}
      placeholder={examples.length > 0 ? String(examples[0]) : undefined}
      onChange={(event) => onChange(event.target.value === "" ? emptied(props) : event.target.value)}
      onBlur={(event) => onBlur(id, event.target.value)}
    />
  );
  if (played === null) return area;
  return (
    <>
      {area}
      <Player {...played} />
    </>
  );
}

export function CheckboxWidget(props: WidgetProps) {
  return (
    <input
      {...bound(props)}
      type="checkbox"
      role="switch"
      className="switch"
      checked={props.value === true}
      disabled={props.disabled}
      onChange={(event) => props.onChange(event.target.checked)}
    />
  );
}

// The library asks so which of several kinds a value is; it has no label of its own.
const WHICH = /__(any|one)of_select$/;

export function SelectWidget(props: WidgetProps) {
  const { id, options, value, multiple, disabled, onChange, schema, label } = props;
  const { enumOptions, emptyValue } = options;
  const many = multiple === true;
  const chosen = enumOptionSelectedValue(value, enumOptions, many, "indexed", many ? [] : "") as string | string[];
  return (
    <select
      {...bound(props)}
      aria-label={WHICH.test(id) ? label || schema.title : undefined}
      className="input"
      multiple={many}
      value={chosen}
      disabled={disabled}
      onChange={(event) => {
        const picked = [...event.target.selectedOptions].map((option) => option.value);
        onChange(enumOptionValueDecoder(many ? picked : (picked[0] ?? ""), enumOptions, "indexed", emptyValue));
      }}
    >
      {!many && schema.default === undefined && (value === undefined || value === null) && <option value="" />}
      {(enumOptions ?? []).map((option, place) => (
        <option key={place} value={enumOptionValueEncoder(option.value, place, "indexed")}>
          {option.label}
        </option>
      ))}
    </select>
  );
}

/** A secret is never shown: one that is kept stays, unless another is typed. */
export function SecretWidget(props: WidgetProps) {
  const { t } = useSpeech();
  const { value, disabled, onChange } = props;
  const [known] = useState(value === MASK);
  if (value === MASK) {
    return (
      <div className="secret">
        <span className="chip good">{t("form.secret.kept")}</span>
        <button
          {...bound(props)}
          type="button"
          className="button slim"
          aria-label={`${t("form.secret.change")}: ${props.label}`}
          onClick={() => onChange("")}
        >
          {t("form.secret.change")}
        </button>
      </div>
    );
  }
  return (
    <div className="secret">
      <input
        {...bound(props)}
        type="password"
        className="input"
        autoComplete="new-password"
        value={value ?? ""}
        disabled={disabled}
        onChange={(event) => onChange(event.target.value)}
      />
      {known && (
        <button type="button" className="button slim" onClick={() => onChange(MASK)}>
          {t("form.secret.keep")}
        </button>
      )}
    </div>
  );
}
