/** The city map on MapLibre; loaded when a map is shown. */

import { Map as MapLibre, NavigationControl, ScaleControl, setWorkerUrl } from "maplibre-gl";
import type { ExpressionSpecification, GeoJSONSource, MapMouseEvent } from "maplibre-gl";
import "maplibre-gl/dist/maplibre-gl.css";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import type { Basemap } from "./basemap";
import { boundsOf, EMPTY, style } from "./basemap";
import type { Spot } from "./frames";
import { icon, RATIO } from "./icons";
import type { Layer } from "./layers";
import { classOf, LAYERS } from "./layers";
import { token } from "./theme.svelte";

setWorkerUrl(workerUrl);

export interface MapView {
  zoom: number;
  lat: number;
  lon: number;
}

export interface MapOptions {
  base: Basemap;
  tiles: string | null;
  view: MapView | null;
  words: Record<string, string>;
  write: (layer: Layer, spot: Spot) => string;
  onPick: (layer: Layer, id: string) => void;
  onMove: (view: MapView) => void;
}

const FALLBACK: MapView = { zoom: 10.5, lat: 43.6045, lon: 1.444 };
const FROM_LABELS = 12.5;

export class CityMap {
  #map: MapLibre;
  #shown = new Map<Layer, Spot[]>();
  #selected: Spot | null = null;
  #cells: Map<string, GeoJSON.Polygon>;
  #isFitted: boolean;

  constructor(
    container: HTMLElement,
    private readonly options: MapOptions,
  ) {
    const { base, tiles, view, words } = options;
    this.#cells = new Map(base.cells.features.map((f) => [String(f.properties?.entity_id), f.geometry]));
    this.#isFitted = view !== null;
    const at = view ?? FALLBACK;
    this.#map = new MapLibre({
      container,
      style: style(base, tiles),
      center: [at.lon, at.lat],
      zoom: at.zoom,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      fadeDuration: 0,
      locale: words,
    });
    this.#map.addControl(new NavigationControl({ showCompass: false }), "top-right");
    this.#map.addControl(new ScaleControl({ unit: "metric" }), "bottom-right");
    this.#map.on("style.load", () => this.#build());
    this.#map.on("click", (event) => this.#pick(event));
    this.#map.on("mousemove", (event) => {
      this.#map.getCanvas().style.cursor = this.#found(event) ? "pointer" : "";
    });
    this.#map.on("moveend", (event) => {
      if (!("originalEvent" in event) && !this.#isFitted) return;
      const { lat, lng } = this.#map.getCenter();
      options.onMove({ zoom: this.#map.getZoom(), lat, lon: lng });
    });
    this.#fit();
  }

  show(layer: Layer, spots: Spot[] | null): void {
    if (spots) this.#shown.set(layer, spots);
    else this.#shown.delete(layer);
    this.#data(layer);
    if (!this.#isFitted && spots?.length) this.#fit();
  }

  select(spot: Spot | null, fly = false): void {
    this.#selected = spot;
    this.#source("selected")?.setData(spot?.where ? point(spot, {}) : EMPTY);
    if (fly && spot?.where)
      this.#map.easeTo({ center: [spot.where.lon, spot.where.lat], zoom: Math.max(this.#map.getZoom(), 13) });
  }

  restyle(): void {
    this.#map.setStyle(style(this.options.base, this.options.tiles), { diff: false });
  }

  remove(): void {
    this.#map.remove();
  }

  #source(id: string): GeoJSONSource | undefined {
    return this.#map.getSource(id) as GeoJSONSource | undefined;
  }

  #build(): void {
    for (const layer of LAYERS) {
      this.#map.addSource(layer.id, { type: "geojson", data: EMPTY });
      if (layer.shape === "cell") this.#addCells(layer);
    }
    this.#map.addLayer({
      id: "lines",
      type: "line",
      source: "lines",
      layout: { "line-join": "round", "line-cap": "round" },
      paint: { "line-color": token("map-way"), "line-width": ["interpolate", ["linear"], ["zoom"], 9, 0.8, 14, 3] },
    });
    for (const layer of LAYERS) if (layer.shape !== "cell") this.#addPoints(layer);
    this.#map.addSource("selected", { type: "geojson", data: EMPTY });
    this.#map.addLayer({
      id: "selected",
      type: "circle",
      source: "selected",
      paint: {
        "circle-radius": 13,
        "circle-color": "transparent",
        "circle-stroke-width": 3,
        "circle-stroke-color": token("accent"),
      },
    });
    for (const layer of LAYERS) this.#data(layer);
    this.select(this.#selected);
  }

  #addCells(layer: Layer): void {
    const color = ["match", ["get", "class"], ...layer.colors.flatMap((c, i) => [i, c]), "transparent"];
    this.#map.addLayer({
      id: layer.id,
      type: "fill",
      source: layer.id,
      paint: {
        "fill-color": color as ExpressionSpecification,
        "fill-opacity": 0.5,
        "fill-outline-color": token("map-line"),
      },
    });
    this.#map.addLayer({
      id: `${layer.id}-text`,
      type: "symbol",
      source: layer.id,
      minzoom: FROM_LABELS,
      layout: { "text-field": ["get", "text"], "text-size": 11 },
      paint: { "text-color": token("text"), "text-halo-color": token("panel"), "text-halo-width": 1.2 },
    });
  }

  #addPoints(layer: Layer): void {
    for (const [i, color] of [null, ...layer.colors].entries()) {
      const name = `${layer.id}-${i - 1}`;
      if (this.#map.hasImage(name)) this.#map.removeImage(name);
      this.#map.addImage(name, icon(layer.shape, color, token("panel"), token("map-ink")), { pixelRatio: RATIO });
    }
    this.#map.addLayer({
      id: layer.id,
      type: "symbol",
      source: layer.id,
      layout: {
        "icon-image": ["get", "icon"],
        "icon-allow-overlap": true,
        "icon-size": ["interpolate", ["linear"], ["zoom"], 9, 0.65, 13, 1.1],
        "text-field": ["step", ["zoom"], "", FROM_LABELS, ["get", "text"]],
        "text-size": 11,
        "text-offset": [0, 1.1],
        "text-anchor": "top",
        "text-optional": true,
      },
      paint: { "text-color": token("text"), "text-halo-color": token("panel"), "text-halo-width": 1.4 },
    });
  }

  #data(layer: Layer): void {
    this.#source(layer.id)?.setData({
      type: "FeatureCollection",
      features: (this.#shown.get(layer) ?? []).flatMap((spot) => this.#feature(layer, spot)),
    });
  }

  #feature(layer: Layer, spot: Spot): GeoJSON.Feature[] {
    const of = classOf(layer, spot.value);
    const properties = { id: spot.id, class: of, icon: `${layer.id}-${of}`, text: this.options.write(layer, spot) };
    if (layer.shape === "cell") {
      const geometry = this.#cells.get(spot.entity);
      return geometry && of >= 0 ? [{ type: "Feature", geometry, properties }] : [];
    }
    return spot.where ? [point(spot, properties)] : [];
  }

  #found(event: MapMouseEvent) {
    const layers = LAYERS.map((l) => l.id).filter((id) => this.#map.getLayer(id));
    return this.#map.queryRenderedFeatures(event.point, { layers })[0];
  }

  #pick(event: MapMouseEvent): void {
    const found = this.#found(event);
    const layer = LAYERS.find((l) => l.id === found?.layer.id);
    if (found && layer) this.options.onPick(layer, String(found.properties.id));
  }

  #fit(): void {
    if (this.#isFitted) return;
    const ring = [...this.#cells.values()].map((c) => c.coordinates[0]![0] as [number, number]);
    const spots = [...this.#shown.values()]
      .flat()
      .flatMap((s) => (s.where ? [[s.where.lon, s.where.lat] as [number, number]] : []));
    const bounds = boundsOf(ring.length ? ring : spots);
    if (!bounds) return;
    this.#map.fitBounds(bounds, { padding: 24, animate: false });
    this.#isFitted = true;
  }
}

function point(spot: Spot, properties: GeoJSON.GeoJsonProperties): GeoJSON.Feature {
  return { type: "Feature", geometry: { type: "Point", coordinates: [spot.where!.lon, spot.where!.lat] }, properties };
}
