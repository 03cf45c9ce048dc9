/** The layers of the city map: which figures of which datasets, and how they are drawn. */

import type { Row } from "./api";

export type Shape = "cell" | "circle" | "square" | "diamond" | "triangle" | "bar";

/** Where the values of a layer come from; `value` may need several fields. */
export interface Source {
  dataset: string;
  fields: string[];
  value: (document: Row) => number | null;
  where?: string;
}

export interface Layer {
  id: "heat" | "stations" | "parking" | "traffic" | "bikes" | "vehicles";
  shape: Shape;
  /** The field whose label and unit the values have. */
  of: [dataset: string, field: string];
  now: Source;
  past: Source;
  /** Figure of the whole city over time; none for vehicles. */
  figure?: string;
  /** Bounds between classes, and a colour for each class. */
  bounds: number[];
  colors: string[];
}

const WARM = ["#4575b4", "#91bfdb", "#fdcc8a", "#fc8d59", "#b30000"];
const FULL = ["#1a7f5a", "#6fb98f", "#e3c565", "#d98032", "#a11d33"];
const FEW = ["#a11d33", "#d98032", "#e3c565", "#6fb98f", "#1a7f5a"];

const of = (field: string) => (d: Row) => (d[field] ?? null) as number | null;
const over = (part: string, whole: string) => (d: Row) =>
  d[part] === null || d[part] === undefined || !d[whole] ? null : d[part] / d[whole];

const heat: Source = {
  dataset: "heat_island_map",
  fields: ["intensity_celsius", "temperature_celsius"],
  value: of("intensity_celsius"),
};
const traffic: Source = {
  dataset: "traffic_by_segment",
  fields: ["mean_speed_km_per_h", "travel_time_index", "level_of_service"],
  value: of("mean_speed_km_per_h"),
};
const vehicles: Source = {
  dataset: "vehicle_position",
  fields: ["line_id", "speed_km_per_h", "stop_id"],
  value: of("speed_km_per_h"),
};

export const LAYERS: Layer[] = [
  {
    id: "heat",
    shape: "cell",
    of: ["heat_island_map", "intensity_celsius"],
    now: heat,
    past: heat,
    figure: "avg(intensity_celsius)",
    bounds: [0, 1, 2, 3],
    colors: WARM,
  },
  {
    id: "traffic",
    shape: "bar",
    of: ["traffic_by_segment", "mean_speed_km_per_h"],
    now: traffic,
    past: traffic,
    figure: "avg(mean_speed_km_per_h)",
    bounds: [10, 20, 30, 40],
    colors: FEW,
  },
  {
    id: "stations",
    shape: "circle",
    of: ["weather_observed", "temperature_celsius"],
    now: { dataset: "weather_observed", fields: ["temperature_celsius"], value: of("temperature_celsius") },
    past: {
      dataset: "heat_island_hourly",
      fields: ["mean_temperature_celsius"],
      value: of("mean_temperature_celsius"),
    },
    figure: "avg(mean_temperature_celsius)",
    bounds: [0, 10, 20, 30],
    colors: WARM,
  },
  {
    id: "parking",
    shape: "square",
    of: ["parking_occupancy", "occupancy_ratio"],
    now: {
      dataset: "parking_observed",
      fields: ["name", "occupied_spaces", "total_spaces"],
      value: over("occupied_spaces", "total_spaces"),
    },
    past: {
      dataset: "parking_occupancy",
      fields: ["name", "occupancy_ratio"],
      value: of("occupancy_ratio"),
      where: "area_type = 'site'",
    },
    figure: "avg(occupancy_ratio)",
    bounds: [0.25, 0.5, 0.75, 0.95],
    colors: FULL,
  },
  {
    id: "bikes",
    shape: "diamond",
    of: ["bike_station_observed", "bikes_available"],
    now: {
      dataset: "bike_station_observed",
      fields: ["name", "bikes_available", "capacity"],
      value: of("bikes_available"),
    },
    past: {
      dataset: "bike_availability",
      fields: ["name", "mean_bikes_available", "capacity"],
      value: of("mean_bikes_available"),
    },
    figure: "avg(mean_bikes_available)",
    bounds: [1, 3, 6, 10],
    colors: FEW,
  },
  {
    id: "vehicles",
    shape: "triangle",
    of: ["vehicle_position", "speed_km_per_h"],
    now: vehicles,
    past: vehicles,
    bounds: [],
    colors: ["#7b3fa0"],
  },
];

export const DEFAULT_LAYERS = ["heat", "parking", "vehicles"];

export function layer(id: string): Layer | undefined {
  return LAYERS.find((l) => l.id === id);
}

/** The class that a value lies in; -1 without a value. */
export function classOf(layer: Layer, value: number | null): number {
  if (layer.bounds.length === 0) return 0;
  return value === null ? -1 : layer.bounds.filter((bound) => value >= bound).length;
}
