/** The form of a plugin's settings, made from their JSON schema. It is loaded when settings are opened. */
import Form from "@rjsf/core/lib/components/Form.js";
import type { ErrorSchema } from "@rjsf/utils";
import { useMemo } from "react";
import { useSpeech } from "../../../i18n";
import { formSchema } from "./schema";
import * as templates from "./templates";
import { validatorFor } from "./validator";
import * as inputs from "./widgets";

const TEMPLATES = {
  FieldTemplate: templates.FieldTemplate,
  ObjectFieldTemplate: templates.ObjectFieldTemplate,
  ArrayFieldTemplate: templates.ArrayFieldTemplate,
  ArrayFieldItemTemplate: templates.ArrayFieldItemTemplate,
  MultiSchemaFieldTemplate: templates.MultiSchemaFieldTemplate,
  BaseInputTemplate: inputs.BaseInputTemplate,
};
const WIDGETS = {
  TextareaWidget: inputs.TextareaWidget,
  CheckboxWidget: inputs.CheckboxWidget,
  SelectWidget: inputs.SelectWidget,
  secret: inputs.SecretWidget,
};

type Values = Readonly<Record<string, unknown>>;

interface Props {
  id: string;
  plugin: string;
  schema: Values;
  values: Values;
  errors: ErrorSchema;
  disabled: boolean;
  onChange: (values: Values) => void;
  onSubmit: () => void;
}

export default function SettingsForm({ id, plugin, schema, values, errors, disabled, onChange, onSubmit }: Props) {
  const { t, language } = useSpeech();
  const shown = useMemo(() => formSchema(schema, language, t("common.none")), [schema, language, t]);
  const validator = useMemo(() => validatorFor(schema, t), [schema, t]);
  return (
    <Form
      id={id}
      className="settings-form"
      idPrefix="setting"
      schema={shown}
      validator={validator}
      formData={values}
      formContext={{ plugin, values }}
      extraErrors={errors}
      disabled={disabled}
      templates={TEMPLATES}
      widgets={WIDGETS}
      showErrorList={false}
      noHtml5Validate
      onChange={(event) => onChange((event.formData ?? {}) as Values)}
      onSubmit={() => onSubmit()}
      onError={() => focusFirstError(id)}
    >
      {/* The button that saves stands outside. */}
      <></>
    </Form>
  );
}

/** Brings the first field that is wrong before one's eyes; sections with errors unfold by themselves. */
export function focusFirstError(formId: string): void {
  setTimeout(() => document.getElementById(formId)?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus(), 50);
}
