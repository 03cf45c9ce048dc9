/** Values as people read them, by the field's kind and unit. */

import type { Field } from "./catalogue.svelte";
import { catalogue } from "./catalogue.svelte";
import { language, locale, t } from "./i18n.svelte";
import { ZONE } from "./time";

export const NOTHING = "–";

/** Units of UCUM as they are written; a difference in kelvins is one in degrees Celsius. */
const UNITS: Record<string, string> = { Cel: "°C", K: "°C", "K.h": "°C·h", "1": "", deg: "°" };

export function unit(field: Field | undefined): string {
  if (!field?.unit) return "";
  if (isShare(field)) return "%";
  return field.unit === "By" ? t("byte_unit") : (UNITS[field.unit] ?? field.unit);
}

export function isShare(field: Field): boolean {
  return field.unit === "1" && field.name.endsWith("_ratio") && (field.minimum ?? 0) >= 0;
}

export function number(value: number, digits = value !== 0 && Math.abs(value) < 10 ? 2 : 1): string {
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value);
}

/** A number of a field, with its unit. */
export function quantity(value: number | null | undefined, field: Field | undefined, withUnit = true): string {
  if (value === null || value === undefined || Number.isNaN(value)) return NOTHING;
  if (field && isShare(field)) return number(value * 100, 0) + (withUnit ? " %" : "");
  if (field?.unit === "s") return duration(value);
  const digits = field?.kind === "integer" ? 1 : field?.unit === "Cel" || field?.unit === "K" ? 1 : undefined;
  const text = digits === undefined ? number(value) : number(value, digits);
  const name = unit(field);
  return name && withUnit ? `${text} ${name}` : text;
}

export function duration(seconds: number): string {
  const size = Math.abs(seconds);
  if (size < 120) return `${number(seconds, size < 10 ? 1 : 0)} s`;
  if (size < 7200) return `${number(seconds / 60, size < 600 ? 1 : 0)} min`;
  if (size < 172_800) return `${number(seconds / 3600, 1)} h`;
  return `${number(seconds / 86_400, 0)} ${t("day_unit")}`;
}

export function dateTime(time: number | string | null | undefined, withSeconds = false): string {
  if (time === null || time === undefined) return NOTHING;
  return formatter(withSeconds ? "seconds" : "minutes").format(new Date(time));
}

export function clock(time: number): string {
  return formatter("clock").format(time);
}

/** Any value of a document as text; a table has the unit in its head. */
export function shown(value: any, field: Field | undefined, withUnit = true): string {
  if (value === null || value === undefined) return NOTHING;
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (field?.name === "flags")
    return value.length ? value.map((f: string) => catalogue.flag(f)).join(" · ") : t("no_flags");
  if (Array.isArray(value)) return value.map((v) => shown(v, undefined)).join(", ");
  if (typeof value === "object") {
    return "lat" in value ? `${value.lat.toFixed(5)}, ${value.lon.toFixed(5)}` : JSON.stringify(value);
  }
  if (field?.kind === "time") return dateTime(value, true);
  if (typeof value === "number") return quantity(value, field, withUnit);
  return field?.value_labels[value]?.[language()] ?? String(value);
}

const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(kind: "seconds" | "minutes" | "clock"): Intl.DateTimeFormat {
  const name = `${locale()} ${kind}`;
  let found = formatters.get(name);
  if (!found) {
    const day = kind === "clock" ? {} : ({ day: "2-digit", month: "2-digit", year: "numeric" } as const);
    const second = kind === "seconds" ? ({ second: "2-digit" } as const) : {};
    found = new Intl.DateTimeFormat(locale(), {
      timeZone: ZONE,
      ...day,
      hour: "2-digit",
      minute: "2-digit",
      ...second,
    });
    formatters.set(name, found);
  }
  return found;
}
