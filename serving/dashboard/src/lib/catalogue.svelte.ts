/** What the API's catalogue says of datasets and fields: labels, units, meaning all come from there. */

import { DATASETS, get } from "./api";
import { language, t } from "./i18n.svelte";
import { key } from "./key.svelte";
import { Resource } from "./resource.svelte";

export type Words = Record<"fr" | "en", string>;

export interface Field {
  name: string;
  label: Words;
  kind: string;
  is_list: boolean;
  description: Words;
  unit: string | null;
  minimum: number | null;
  maximum: number | null;
  values: string[] | null;
  value_labels: Record<string, Words>;
}

export interface Dataset {
  dataset: string;
  kind: string;
  title: Words;
  description: Words;
  is_latest: boolean;
  sensitivity: string;
  tenants: string[] | null;
  key: string[];
  time: string;
  fields: Field[];
}

interface Answer {
  datasets: Dataset[];
  flags: Record<string, Words>;
}

class Catalogue {
  resource = new Resource<Answer>();

  load(): void {
    void key.value;
    void this.resource.load((signal) => get<Answer>(DATASETS, {}, signal));
  }

  get datasets(): Dataset[] {
    return this.resource.data?.datasets ?? [];
  }

  dataset(name: string): Dataset | undefined {
    return this.datasets.find((d) => d.dataset === name);
  }

  field(dataset: string, name: string): Field | undefined {
    return this.dataset(dataset)?.fields.find((f) => f.name === name);
  }

  title(name: string): string {
    const found = this.dataset(name);
    return found ? found.title[language()] + (found.is_latest ? ` · ${t("latest_states")}` : "") : name;
  }

  label(dataset: string, name: string): string {
    return this.field(dataset, name)?.label[language()] ?? name;
  }

  flag(name: string): string {
    return this.resource.data?.flags[name]?.[language()] ?? name.replaceAll("_", " ");
  }
}

export const catalogue = new Catalogue();
