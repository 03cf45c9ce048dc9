/** Times: UTC in every question, Europe/Paris for every reader. */

export const ZONE = "Europe/Paris";
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const SPANS: Record<string, number> = { "6h": 6 * HOUR, "24h": DAY, "7d": 7 * DAY, "30d": 30 * DAY };

/** Steps of a chart by the length of its span: some hundred points at most. */
export function stepOf(span: number, least: number = 5 * MINUTE): number {
  const steps = [5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, DAY];
  return steps.find((step) => step >= least && span / step <= 300) ?? DAY;
}

/** A step as the API writes it. */
export function stepWords(step: number): string {
  if (step % DAY === 0) return `${step / DAY} day`;
  return step % HOUR === 0 ? `${step / HOUR} ${step === HOUR ? "hour" : "hours"}` : `${step / MINUTE} minutes`;
}

export function iso(time: number): string {
  return new Date(time).toISOString().replace(/\.\d+Z$/, "Z");
}

export function floor(time: number, step: number): number {
  return Math.floor(time / step) * step;
}

const parts = new Intl.DateTimeFormat("en-GB", {
  timeZone: ZONE,
  hourCycle: "h23",
  year: "numeric",
  month: "numeric",
  day: "numeric",
  hour: "numeric",
  minute: "numeric",
  second: "numeric",
});

/** The clock on a wall in Paris, as if it were UTC: so that an axis has its ticks at local hours and days. */
export function wall(time: number): number {
  const found: Record<string, number> = {};
  for (const { type, value } of parts.formatToParts(time)) found[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = found;
  return Date.UTC(year, month - 1, day, hour, minute, second) + (((time % 1000) + 1000) % 1000);
}
