/** The base map from the platform's own data: the area with figures, its cells, the lines that vehicles serve. */

import type { StyleSpecification } from "maplibre-gl";
import { get } from "./api";
import { token } from "./theme.svelte";

export interface Basemap {
  area: GeoJSON.Geometry | null;
  cells: GeoJSON.FeatureCollection<GeoJSON.Polygon>;
  lines: GeoJSON.FeatureCollection<GeoJSON.LineString>;
}

export const EMPTY: GeoJSON.FeatureCollection = { type: "FeatureCollection", features: [] };

export function basemap(tenant: string[], signal?: AbortSignal): Promise<Basemap> {
  return get<Basemap>("/api/v1/basemap", { tenant }, signal);
}

export async function tiles(): Promise<string | null> {
  return (await get<{ tiles: string | null }>("/dashboard.json")).tiles;
}

export function style(base: Basemap, tilesAt: string | null): StyleSpecification {
  const area: GeoJSON.GeoJSON = base.area ? { type: "Feature", geometry: base.area, properties: {} } : EMPTY;
  return {
    version: 8,
    sources: {
      area: { type: "geojson", data: area },
      lines: { type: "geojson", data: base.lines },
      ...(tilesAt ? { tiles: { type: "raster", tiles: [tilesAt], tileSize: 256 } } : {}),
    },
    layers: [
      { id: "background", type: "background", paint: { "background-color": token("map-ground") } },
      ...(tilesAt
        ? [{ id: "tiles", type: "raster" as const, source: "tiles", paint: { "raster-opacity": 0.75 } }]
        : []),
      ...(tilesAt
        ? []
        : [{ id: "area", type: "fill" as const, source: "area", paint: { "fill-color": token("map-area") } }]),
      { id: "area-line", type: "line", source: "area", paint: { "line-color": token("map-line"), "line-width": 1 } },
    ],
  };
}

/** West, south, east, north of all that is on the base map; null without anything. */
export function boundsOf(points: [number, number][]): [number, number, number, number] | null {
  if (points.length === 0) return null;
  const lon = points.map((p) => p[0]);
  const lat = points.map((p) => p[1]);
  return [Math.min(...lon), Math.min(...lat), Math.max(...lon), Math.max(...lat)];
}
