/** Files: the API's exports with the key, and what is on screen as CSV. */

import type { Params } from "./api";
import { ask, DATASETS } from "./api";

export const FORMATS = ["csv", "geojson", "ndjson", "parquet"] as const;
export type Format = (typeof FORMATS)[number];
export const FORMAT_NAMES: Record<Format, string> = {
  csv: "CSV",
  geojson: "GeoJSON",
  ndjson: "NDJSON",
  parquet: "Parquet",
};

export async function fetchExport(dataset: string, format: Format, params: Params): Promise<void> {
  const answer = await ask(`${DATASETS}/${dataset}/export/${format}`, params);
  save(await answer.blob(), `${dataset}.${format}`);
}

export function saveCsv(name: string, head: string[], rows: (string | number | boolean | null)[][]): void {
  const text = [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n");
  save(new Blob([`${text}\r\n`], { type: "text/csv;charset=utf-8" }), `${name}.csv`);
}

/** A cell after RFC 4180; what a spreadsheet would run as a formula is made plain. */
function cell(value: string | number | boolean | null): string {
  if (value === null) return "";
  let text = String(value);
  if (typeof value === "string" && /^[=+\-@\t\r\n]/.test(text)) text = `'${text}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function save(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
