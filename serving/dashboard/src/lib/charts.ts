/** Options of charts. Lines differ by dash and symbol and not by colour alone; a table stands beside each. */

import type { EChartsCoreOption } from "echarts/core";
import { locale } from "./i18n.svelte";
import type { Bar, Line } from "./series";
import { token } from "./theme.svelte";
import { wall } from "./time";

const DASHES = ["solid", "dashed", "dotted", [8, 3, 2, 3], [12, 4], [2, 6]];
const SYMBOLS = ["circle", "rect", "triangle", "diamond", "emptyCircle", "emptyRect"];
export const COLORS = 6;

type Written = (value: number) => string;

export interface Look {
  small?: boolean;
  /** Counts are shown from zero. */
  fromZero?: boolean;
}

export function palette(): string[] {
  return Array.from({ length: COLORS }, (_, i) => token(`series-${i + 1}`));
}

export function lineOption(series: Line[], written: Written, at: number | null, how: Look = {}): EChartsCoreOption {
  const { small = false, fromZero = false } = how;
  return {
    ...common(),
    grid: { left: 8, right: 14, top: small ? 10 : series.length > 1 ? 34 : 14, bottom: 4, containLabel: true },
    legend: { show: series.length > 1, type: "scroll", top: 0, left: 0, ...text(), itemWidth: 26, itemHeight: 8 },
    tooltip: { ...tooltip(written), trigger: "axis" },
    xAxis: { ...timeAxis(small) },
    yAxis: { ...valueAxis(written, small), scale: !fromZero },
    series: series.map((line, i) => ({
      type: "line",
      name: line.name,
      data: line.points.map(([time, value]) => [wall(time), value]),
      symbol: SYMBOLS[i % SYMBOLS.length],
      symbolSize: 4,
      showSymbol: line.points.length < 30,
      connectNulls: false,
      lineStyle: { width: small ? 1.5 : 2, type: DASHES[i % DASHES.length] },
      ...(i === 0 && at !== null ? { markLine: marker(at) } : {}),
    })),
  };
}

export function barOption(bars: Bar[], written: Written): EChartsCoreOption {
  return {
    ...common(),
    grid: { left: 8, right: 56, top: 4, bottom: 4, containLabel: true },
    tooltip: { ...tooltip(written), trigger: "item" },
    xAxis: { ...valueAxis(written, true), type: "value", scale: false }, // a bar that does not begin at zero misleads
    yAxis: {
      type: "category",
      inverse: true,
      data: bars.map((b) => b.name),
      axisLabel: { ...text().textStyle, width: 150, overflow: "truncate" },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: token("line-strong") } },
    },
    series: [
      {
        type: "bar",
        barMaxWidth: 14,
        data: bars.map((b) => b.value),
        label: {
          show: true,
          position: "right",
          color: token("text"),
          fontSize: 12,
          formatter: (p: any) => written(p.value),
        },
      },
    ],
  };
}

function common() {
  return { animation: false, useUTC: true, color: palette(), textStyle: { fontFamily: token("font") } };
}

function text() {
  return { textStyle: { color: token("text-soft"), fontSize: 12 } };
}

function marker(at: number) {
  return {
    symbol: "none",
    silent: true,
    label: { show: false },
    lineStyle: { color: token("text"), width: 1.5, type: "solid" },
    data: [{ xAxis: wall(at) }],
  };
}

/** A tooltip drawn within the chart: one of HTML would need inline styles, which the pages' policy refuses. */
function tooltip(written: Written) {
  return {
    renderMode: "richText",
    confine: true,
    backgroundColor: token("panel"),
    borderColor: token("line-strong"),
    textStyle: { color: token("text"), fontSize: 12 },
    axisPointer: { lineStyle: { color: token("line-strong") } },
    valueFormatter: (value: unknown) => (typeof value === "number" ? written(value) : "–"),
  };
}

function timeAxis(small: boolean) {
  return {
    type: "time",
    splitNumber: small ? 3 : 6,
    axisLabel: { color: token("text-soft"), fontSize: 11, hideOverlap: true, formatter: tick },
    axisLine: { lineStyle: { color: token("line-strong") } },
    axisPointer: { label: { formatter: (p: any) => wallTime(p.value) } },
  };
}

function valueAxis(written: Written, small: boolean) {
  return {
    scale: true,
    splitNumber: small ? 2 : 4,
    axisLabel: { color: token("text-soft"), fontSize: 11, formatter: written },
    splitLine: { lineStyle: { color: token("line") } },
  };
}

/** Midnight is told by its day, other times by the clock; all are of Paris already. */
function tick(time: number): string {
  const isMidnight = time % 86_400_000 === 0;
  const how = isMidnight
    ? ({ day: "numeric", month: "short" } as const)
    : ({ hour: "2-digit", minute: "2-digit" } as const);
  return new Intl.DateTimeFormat(locale(), { timeZone: "UTC", ...how }).format(time);
}

function wallTime(time: number): string {
  return new Intl.DateTimeFormat(locale(), { timeZone: "UTC", dateStyle: "short", timeStyle: "short" }).format(time);
}
