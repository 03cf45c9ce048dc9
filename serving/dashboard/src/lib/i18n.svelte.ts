/** Languages: French unless English is asked for. */

import { en } from "../texts/en";
import { fr } from "../texts/fr";
import { place } from "./place.svelte";

export type Language = "fr" | "en";
export type Text = keyof typeof fr;

const TEXTS: Record<Language, Record<Text, string>> = { fr, en };

export function language(): Language {
  return place.get("lang") === "en" ? "en" : "fr";
}

export function locale(): string {
  return language() === "en" ? "en-GB" : "fr-FR";
}

export function t(name: Text, values: Record<string, string | number> = {}): string {
  return TEXTS[language()][name].replace(/\{(\w+)\}/g, (_, part: string) => String(values[part] ?? ""));
}

/** The text of a name that the API gave, or nothing where there is none. */
export function known(name: string): string | undefined {
  return (TEXTS[language()] as Record<string, string>)[name];
}
