/** The value of a field as the name of a line or a bar. */

import { catalogue } from "./catalogue.svelte";
import { language, t } from "./i18n.svelte";

export function named(dataset: string, name: string, value: string): string {
  const field = catalogue.field(dataset, name);
  if (field?.kind === "boolean") return `${field.label[language()]} : ${t(value === "true" ? "yes" : "no")}`;
  const text = field?.value_labels[value]?.[language()] ?? value;
  return name === "local_climate_zone" ? `${t("zone_of_climate")} ${text}` : text;
}
