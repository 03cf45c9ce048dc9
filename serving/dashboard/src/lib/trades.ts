/** The pages of the trades: which datasets, and which figures of them; names and units come from the catalogue. */

import type { Text } from "./i18n.svelte";

export interface Tile {
  dataset: string;
  figure: string;
  where?: string;
  /** How far back it looks; the last hour unless told otherwise. */
  hours?: number;
  label: Text;
}

export interface Panel {
  id: string;
  kind: "lines" | "bars";
  dataset: string;
  figure: string;
  by?: string;
  where?: string;
  label: Text;
}

export interface Trade {
  id: "heat" | "parking" | "mobility";
  datasets: string[];
  tiles: Tile[];
  panels: Panel[];
}

export const TRADES: Trade[] = [
  {
    id: "heat",
    datasets: ["heat_island_hourly", "heat_island_nightly", "weather_observed", "heat_island_map"],
    tiles: [
      { dataset: "heat_island_hourly", figure: "max(intensity_celsius)", hours: 2, label: "tile_highest_intensity" },
      // what passed quality control: one broken sensor would be the whole city's spike
      {
        dataset: "heat_island_hourly",
        figure: "avg(mean_temperature_celsius)",
        hours: 2,
        label: "tile_mean_temperature",
      },
      { dataset: "weather_observed", figure: "count(distinct entity_id)", label: "tile_stations_heard" },
      {
        dataset: "heat_island_nightly",
        figure: "count(distinct entity_id)",
        where: "is_tropical_night = true",
        hours: 48,
        label: "tile_tropical_stations",
      },
    ],
    panels: [
      {
        id: "intensity",
        kind: "lines",
        dataset: "heat_island_hourly",
        figure: "avg(intensity_celsius)",
        by: "local_climate_zone",
        label: "panel_intensity",
      },
      {
        id: "temperature",
        kind: "lines",
        dataset: "heat_island_hourly",
        figure: "avg(mean_temperature_celsius)",
        by: "is_rural_reference",
        label: "panel_temperature",
      },
      {
        id: "hottest",
        kind: "bars",
        dataset: "heat_island_hourly",
        figure: "max(intensity_celsius)",
        by: "entity_id",
        label: "panel_hottest",
      },
      {
        id: "nights",
        kind: "bars",
        dataset: "heat_island_nightly",
        figure: "max(degree_hours)",
        by: "entity_id",
        label: "panel_nights",
      },
    ],
  },
  {
    id: "parking",
    datasets: ["parking_occupancy", "parking_observed", "parking_spot_observed"],
    tiles: [
      { dataset: "parking_observed_latest", figure: "sum(free_spaces)", label: "tile_free_spaces" },
      { dataset: "parking_observed_latest", figure: "sum(total_spaces)", label: "tile_total_spaces" },
      {
        dataset: "parking_occupancy",
        figure: "avg(occupancy_ratio)",
        where: "area_type = 'site'",
        label: "tile_occupancy",
      },
      {
        dataset: "parking_occupancy",
        figure: "count(distinct entity_id)",
        where: "area_type = 'site' and occupancy_ratio >= 0.95",
        label: "tile_full",
      },
    ],
    panels: [
      {
        id: "by-zone",
        kind: "lines",
        dataset: "parking_occupancy",
        figure: "avg(occupancy_ratio)",
        by: "zone_id",
        label: "panel_occupancy_by_zone",
      },
      {
        id: "movements",
        kind: "lines",
        dataset: "parking_occupancy",
        figure: "sum(arrivals_count)",
        by: "area_type",
        label: "panel_arrivals",
      },
      {
        id: "fullest",
        kind: "bars",
        dataset: "parking_occupancy",
        figure: "max(occupancy_ratio)",
        by: "entity_id",
        where: "area_type = 'site'",
        label: "panel_fullest",
      },
      {
        id: "stay",
        kind: "bars",
        dataset: "parking_occupancy",
        figure: "avg(mean_stay_seconds)",
        by: "entity_id",
        label: "panel_stay",
      },
    ],
  },
  {
    id: "mobility",
    datasets: [
      "transit_headway",
      "traffic_by_segment",
      "bike_availability",
      "vehicle_position",
      "bike_station_observed",
      "traffic_flow_observed",
    ],
    tiles: [
      { dataset: "vehicle_position_latest", figure: "count(distinct entity_id)", label: "tile_vehicles" },
      { dataset: "transit_headway", figure: "avg(excess_wait_seconds)", hours: 2, label: "tile_excess_wait" },
      { dataset: "traffic_by_segment", figure: "avg(travel_time_index)", label: "tile_travel_time" },
      { dataset: "bike_station_observed_latest", figure: "sum(bikes_available)", label: "tile_bikes" },
    ],
    panels: [
      {
        id: "wait",
        kind: "lines",
        dataset: "transit_headway",
        figure: "avg(average_wait_seconds)",
        by: "line_id",
        label: "panel_wait",
      },
      {
        id: "speed",
        kind: "lines",
        dataset: "traffic_by_segment",
        figure: "avg(mean_speed_km_per_h)",
        label: "panel_speed",
      },
      {
        id: "bikes",
        kind: "lines",
        dataset: "bike_availability",
        figure: "avg(bike_availability_ratio)",
        label: "panel_bikes",
      },
      {
        id: "slowest",
        kind: "bars",
        dataset: "traffic_by_segment",
        figure: "avg(travel_time_index)",
        by: "entity_id",
        label: "panel_slowest",
      },
    ],
  },
];

export function trade(id: string): Trade | undefined {
  return TRADES.find((t) => t.id === id);
}
