// A picture that was uploaded, dropped or pasted: made small here, before it is sent.

const LONGEST = 1024;
// The gateway takes messages of up to 1 MiB.
const MOST_BYTES = 1000000;

export class PictureError extends Error {}

// Returns {content, url, modality}: the file to send, its address to show, a guess.
export async function read(file) {
  if (!file.type.startsWith("image/")) throw new PictureError("That is no picture. Give a PNG, JPEG, WebP or GIF.");
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new PictureError("The browser cannot read that picture. Give a PNG, JPEG, WebP or GIF.");
  }
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  // A drawing on nothing is meant on paper.
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const modality = looksDrawn(pen, canvas) ? "sketch" : "photo";
  const blob = await small(canvas);
  if (!blob) throw new PictureError("The browser cannot make that picture smaller.");
  return { content: await blob.arrayBuffer(), url: URL.createObjectURL(blob), modality };
}

async function small(canvas) {
  for (const quality of [0.9, 0.75, 0.5, 0.2]) {
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
    if (blob && blob.size < MOST_BYTES) return blob;
  }
  return null;
}

// A drawing is mostly one light or dark ground, and grey.
function looksDrawn(pen, { width, height }) {
  const { data } = pen.getImageData(0, 0, width, height);
  const tones = new Uint32Array(16);
  let coloured = 0;
  for (let i = 0; i < data.length; i += 4) {
    const [r, g, b] = [data[i], data[i + 1], data[i + 2]];
    tones[(r + g + b) / 48 | 0]++;
    if (Math.max(r, g, b) - Math.min(r, g, b) > 48) coloured++;
  }
  const pixels = data.length / 4;
  const ground = Math.max(...tones.map((count, tone) => count + (tones[tone + 1] ?? 0)));
  return ground / pixels > 0.6 && coloured / pixels < 0.15;
}
