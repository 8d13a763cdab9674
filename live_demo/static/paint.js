// Paints strokes on a canvas.

import { swell } from "./drawing.js";

// Paints strokes, `scale` pixels a unit.
export function paint(pen, strokes, scale, colour) {
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineCap = pen.lineJoin = "round";
  for (const { x, y, width, pressure } of strokes) {
    if (x.length === 1) {
      pen.beginPath();
      pen.arc(x[0] * scale, y[0] * scale, (width / 2) * scale, 0, 2 * Math.PI);
      pen.fill();
    } else if (pressure) {
      for (let i = 1; i < x.length; i++) {
        pen.lineWidth = width * swell((pressure[i - 1] + pressure[i]) / 2) * scale;
        pen.beginPath();
        pen.moveTo(x[i - 1] * scale, y[i - 1] * scale);
        pen.lineTo(x[i] * scale, y[i] * scale);
        pen.stroke();
      }
    } else {
      pen.lineWidth = width * scale;
      pen.beginPath();
      pen.moveTo(x[0] * scale, y[0] * scale);
      // Through the middles of the pieces, so that the line has no corners of the raster.
      for (let i = 1; i < x.length - 1; i++) {
        const [mx, my] = [(x[i] + x[i + 1]) / 2, (y[i] + y[i + 1]) / 2];
        pen.quadraticCurveTo(x[i] * scale, y[i] * scale, mx * scale, my * scale);
      }
      pen.lineTo(x.at(-1) * scale, y.at(-1) * scale);
      pen.stroke();
    }
  }
}
