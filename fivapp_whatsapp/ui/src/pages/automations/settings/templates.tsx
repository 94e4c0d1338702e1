/** How the form library's parts look here: our fields, sections that fold, lists with buttons. */
import {
  ADDITIONAL_PROPERTY_FLAG,
  buttonId,
  canExpand,
  type ArrayFieldItemTemplateProps,
  type ArrayFieldTemplateProps,
  type FieldTemplateProps,
  type MultiSchemaFieldTemplateProps,
  type ObjectFieldTemplateProps,
} from "@rjsf/utils";
import { ChevronDown, ChevronUp, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { useSpeech } from "../../../i18n";
import { hasErrors } from "./errors";

/** A field with its label, help and errors. Parts of objects and lists bring their own headings. */
export function FieldTemplate(props: FieldTemplateProps) {
  const { id, label, children, rawErrors, rawDescription, hidden, schema, displayLabel, required, fieldPathId } = props;
  const { t } = useSpeech();
  if (hidden === true) return null;
  const inList = typeof fieldPathId.path.at(-1) === "number";
  const container = isContainer(schema);
  const flag = schema.type === "boolean";
  const additional = ADDITIONAL_PROPERTY_FLAG in schema;
  return (
    <div className={flag ? "field flag" : "field"}>
      {additional && <KeyName {...props} />}
      {(displayLabel === true || flag) && !container && (
        <label htmlFor={id} className={inList || additional ? "hidden" : undefined}>
          {label}
          {required === true && !inList && <span className="soft"> · {t("form.needed")}</span>}
        </label>
      )}
      {children}
      {!container && !inList && rawDescription !== undefined && rawDescription !== "" && (
        <span className="help" id={`${id}__description`}>
          {rawDescription}
        </span>
      )}
      {rawErrors?.map((error) => (
        <span key={error} className="wrong" id={`${id}__error`} role="alert">
          {error}
        </span>
      ))}
    </div>
  );
}

function isContainer(schema: FieldTemplateProps["schema"]): boolean {
  return schema.type === "object" || schema.type === "array" || schema.anyOf !== undefined;
}

/** The name of an entry that people make themselves, with the button that takes it away. */
function KeyName({ id, label, onKeyRenameBlur, onRemoveProperty }: FieldTemplateProps) {
  const { t } = useSpeech();
  return (
    <div className="key-name">
      <input
        className="input"
        id={`${id}-key`}
        aria-label={t("form.key")}
        defaultValue={label}
        onBlur={onKeyRenameBlur}
      />
      <button
        type="button"
        className="icon-button slim"
        aria-label={t("form.remove", { name: label })}
        onClick={onRemoveProperty}
      >
        <Trash2 size={16} aria-hidden />
      </button>
    </div>
  );
}

/** An object: the whole form, a section that folds, or one of a list, which folds under its own name. */
export function ObjectFieldTemplate(props: ObjectFieldTemplateProps) {
  const { fieldPathId, title, description, properties, schema, uiSchema, formData, errorSchema, onAddProperty } = props;
  const { t } = useSpeech();
  const last = fieldPathId.path.at(-1);
  const name = nameOf(formData);
  const fields = (
    <div className="form-fields">
      {properties.map((property) => (
        <div key={property.name}>{property.content}</div>
      ))}
      {canExpand(schema, uiSchema, formData) && (
        <AddButton id={buttonId(fieldPathId, "add")} title={title} onClick={onAddProperty} />
      )}
    </div>
  );
  if (last === undefined) return fields;
  const heading = typeof last === "number" ? name || t("form.item", { n: last + 1 }) : title;
  return (
    <Section
      heading={heading}
      lead={typeof last === "number" ? undefined : description}
      open={typeof last === "number" && name === ""}
      wrong={hasErrors(errorSchema)}
    >
      {fields}
    </Section>
  );
}

interface SectionProps {
  heading: string;
  lead: ObjectFieldTemplateProps["description"];
  open: boolean;
  wrong: boolean;
  children: React.ReactNode;
}

function Section({ heading, lead, open, wrong, children }: SectionProps) {
  const [unfolded, setUnfolded] = useState(open);
  return (
    <details
      className="section"
      open={unfolded || wrong}
      onToggle={(event) => setUnfolded(event.currentTarget.open)}
      data-wrong={wrong}
    >
      <summary>
        <span>{heading}</span>
        {lead !== undefined && lead !== "" && <span className="soft small">{lead}</span>}
      </summary>
      {children}
    </details>
  );
}

/** Returns what one of a list calls itself. */
function nameOf(values: unknown): string {
  const found = (values as Record<string, unknown> | undefined)?.name;
  return typeof found === "string" ? found : "";
}

export function ArrayFieldTemplate(props: ArrayFieldTemplateProps) {
  const { fieldPathId, title, schema, items, canAdd, onAddClick } = props;
  const id = fieldPathId.$id;
  return (
    <fieldset id={id} className="list-field" aria-describedby={schema.description ? `${id}__description` : undefined}>
      <legend>{title}</legend>
      {schema.description !== undefined && (
        <p className="help" id={`${id}__description`}>
          {schema.description}
        </p>
      )}
      {items.length > 0 && <ol className="list-items">{items}</ol>}
      {canAdd === true && <AddButton id={buttonId(fieldPathId, "add")} title={title} onClick={onAddClick} />}
    </fieldset>
  );
}

export function ArrayFieldItemTemplate({ children, buttonsProps, hasToolbar, index }: ArrayFieldItemTemplateProps) {
  const { t } = useSpeech();
  const { hasMoveUp, hasMoveDown, hasRemove, onMoveUpItem, onMoveDownItem, onRemoveItem, fieldPathId } = buttonsProps;
  const n = index + 1;
  return (
    <li className="list-item">
      <div className="list-item-body">{children}</div>
      {hasToolbar && (
        <div className="list-item-tools">
          {(hasMoveUp || hasMoveDown) && (
            <>
              <button
                type="button"
                className="icon-button slim"
                id={buttonId(fieldPathId, "moveUp")}
                aria-label={t("form.up", { n })}
                disabled={!hasMoveUp}
                onClick={onMoveUpItem}
              >
                <ChevronUp size={16} aria-hidden />
              </button>
              <button
                type="button"
                className="icon-button slim"
                id={buttonId(fieldPathId, "moveDown")}
                aria-label={t("form.down", { n })}
                disabled={!hasMoveDown}
                onClick={onMoveDownItem}
              >
                <ChevronDown size={16} aria-hidden />
              </button>
            </>
          )}
          {hasRemove && (
            <button
              type="button"
              className="icon-button slim"
              id={buttonId(fieldPathId, "remove")}
              aria-label={t("form.removeItem", { n })}
              onClick={onRemoveItem}
            >
              <Trash2 size={16} aria-hidden />
            </button>
          )}
        </div>
      )}
    </li>
  );
}

/** One of several kinds of value: which, and then its own fields. */
export function MultiSchemaFieldTemplate({ schema, selector, optionSchemaField }: MultiSchemaFieldTemplateProps) {
  return (
    <fieldset className="list-field">
      <legend>{schema.title}</legend>
      {selector}
      {optionSchemaField}
    </fieldset>
  );
}

function AddButton({ id, title, onClick }: { id: string; title: string; onClick: () => void }) {
  const { t } = useSpeech();
  return (
    <button
      type="button"
      id={id}
      className="button slim add"
      onClick={() => onClick()}
      aria-label={t("form.addTo", { name: title })}
    >
      <Plus size={16} aria-hidden />
      {t("common.add")}
    </button>
  );
}
