/** Signs of the map's layers: a shape for each layer, filled with the colour of a class; without a value it is hollow. */

import type { Shape } from "./layers";

const SIZE = 18;
export const RATIO = 2;

export function icon(shape: Shape, fill: string | null, rim: string, ink: string): ImageData {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE * RATIO;
  const c = canvas.getContext("2d")!;
  c.scale(RATIO, RATIO);
  outline(c, shape);
  c.lineJoin = "round";
  c.lineWidth = 3;
  c.strokeStyle = rim;
  c.stroke();
  c.fillStyle = fill ?? rim;
  c.fill();
  c.lineWidth = 1;
  c.strokeStyle = ink;
  c.stroke();
  return c.getImageData(0, 0, canvas.width, canvas.height);
}

/** The corners of a shape in a box of 18; a circle has none. */
export function corners(shape: Shape): [number, number][] {
  switch (shape) {
    case "square":
      return [
        [4, 4],
        [14, 4],
        [14, 14],
        [4, 14],
      ];
    case "diamond":
      return [
        [9, 2.5],
        [15.5, 9],
        [9, 15.5],
        [2.5, 9],
      ];
    case "triangle":
      return [
        [9, 3],
        [15, 14],
        [3, 14],
      ];
    case "bar":
      return [
        [2.5, 6.5],
        [15.5, 6.5],
        [15.5, 11.5],
        [2.5, 11.5],
      ];
    case "cell":
      return [
        [9, 2],
        [15, 5.5],
        [15, 12.5],
        [9, 16],
        [3, 12.5],
        [3, 5.5],
      ];
    case "circle":
      return [];
  }
}

function outline(c: CanvasRenderingContext2D, shape: Shape): void {
  c.beginPath();
  const found = corners(shape);
  if (found.length === 0) c.arc(9, 9, 5.5, 0, 2 * Math.PI);
  found.forEach(([x, y], i) => (i === 0 ? c.moveTo(x, y) : c.lineTo(x, y)));
  c.closePath();
}
