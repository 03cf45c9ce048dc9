/** What is typed into the filter of a table, as a condition of the API: the screen and the files then hold the same. */

import type { Dataset } from "./catalogue.svelte";

const SOUGHT = ["entity_id", "name", "zone_id", "line_id"];
const MAX_CHARACTERS = 100;

/** A text as a literal of ODSQL; nothing in it ends the literal. */
export function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** Words of a name, its beginning, or a part of an id; nothing where nothing is looked for. */
export function filterOf(typed: string, about: Dataset): string | undefined {
  const text = typed.trim().slice(0, MAX_CHARACTERS);
  if (!text) return undefined;
  const names = SOUGHT.filter((name) =>
    about.fields.some((f) => f.name === name && (f.kind === "name" || f.kind === "text")),
  );
  if (!names.length) return quoted(text); // any field that holds a text
  const parts = [`search(${names.join(", ")}, ${quoted(text)})`];
  if (names.includes("name")) {
    // a word that is still being typed; beginnings are compared with their case
    const starts = new Set([text, text.charAt(0).toUpperCase() + text.slice(1)]);
    for (const start of starts) parts.push(`startswith(name, ${quoted(start)})`);
  }
  return parts.join(" or ");
}
