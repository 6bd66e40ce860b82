import { glyphOf, glyphHeight, glyphWidth } from './font.ts';
import type { GreyPicture } from './png.ts';

const scale = 2;
const columns = 52;
const margin = 8;
const lineHeight = (glyphHeight + 2) * scale;

/** Lines of text, white on black, as a terminal shows them. */
export function drawText(lines: readonly string[]): GreyPicture {
  const cell = (glyphWidth + 1) * scale;
  const width = columns * cell + 2 * margin;
  const height = 240;
  const pixels = new Uint8Array(width * height);
  for (const [row, line] of lines.entries())
    for (const [column, character] of [...line].slice(0, columns).entries())
      drawGlyph(pixels, width, margin + column * cell, margin + row * lineHeight, glyphOf(character));
  return { width, height, pixels };
}

function drawGlyph(pixels: Uint8Array, width: number, left: number, top: number, rows: readonly number[]): void {
  for (const [y, bits] of rows.entries())
    for (let x = 0; x < glyphWidth; x++) {
      if (((bits >> (glyphWidth - 1 - x)) & 1) === 0) continue;
      for (let dy = 0; dy < scale; dy++) {
        const at = (top + y * scale + dy) * width + left + x * scale;
        pixels.fill(255, at, at + scale);
      }
    }
}
